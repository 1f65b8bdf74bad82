import { setTimeout as sleep } from 'node:timers/promises';
import { arrayOf, Bench } from '../lib/bench.ts';
import { DatabaseFolder, usualMessage } from '../lib/database.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { storeTargets } from '../lib/stores.ts';
import type { Target } from '../lib/target.ts';

const settings = {
  messages: 300_000,
  messagesPerArray: 100,
  appendsPerSecond: 500,
  /** Many, because a server processes one request per connection at a time, and appends would wait for each other. */
  connections: 64,
  warmUpMs: 2_000,
  measureMs: 5_000,
};

/** Appends at a fixed rate during backups, one after another, of a database of some 100 MB. */
export async function durableBackup(context: Context): Promise<ScenarioResult> {
  using folder = new DatabaseFolder();
  const sqlite = storeTargets(context, folder, 'all').filter(({ name }) => name === 'sqlite');
  const series = await repeatInTurn(context, sqlite, 3, measureBackups);
  return {
    scenario: 'durable-backup',
    settings,
    series,
    missing: [],
    verdicts: [atMost('9j', 'append p99 while backups are made, ms', medianOf(series, 'sqlite', 'appendP99Ms'), 50)],
  };
}

function measureBackups(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, messagesPerArray, appendsPerSecond, connections, warmUpMs, measureMs } = settings;
    const body = arrayOf(usualMessage, messagesPerArray);
    await bench.publish({ connections: 4, body, count: messages / messagesPerArray });
    const pace = (durationMs: number) => bench.pace({ perSecond: appendsPerSecond, connections, durationMs });
    await pace(warmUpMs);
    const quiet = await pace(measureMs);
    const measuring = { isOver: false };
    const copying = copyUntil(measuring, bench.server.port);
    const { ackMs } = await pace(measureMs);
    measuring.isOver = true;
    const { backups, bytes, seconds } = await copying;
    return {
      quietAppendP50Ms: quiet.ackMs.p50,
      quietAppendP99Ms: quiet.ackMs.p99,
      quietAppendMaxMs: quiet.ackMs.max,
      appendP50Ms: ackMs.p50,
      appendP99Ms: ackMs.p99,
      appendMaxMs: ackMs.max,
      backups,
      backupMib: bytes / backups / 1_048_576,
      backupSeconds: seconds / backups,
    };
  });
}

/** Takes complete backups one after another, and discards them. */
async function copyUntil(measuring: { readonly isOver: boolean }, port: number) {
  const taken = { backups: 0, bytes: 0, seconds: 0 };
  while (!measuring.isOver) {
    const startMs = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/backup`, { method: 'POST' });
    if (!response.ok || response.body === null) throw new Error(`a backup was answered with ${response.status}`);
    for await (const part of response.body) taken.bytes += part.byteLength;
    taken.backups++;
    taken.seconds += (performance.now() - startMs) / 1_000;
    await sleep(10);
  }
  return taken;
}
