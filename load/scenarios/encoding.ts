import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { hurry, pinned, serverCore } from '../lib/machine.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { takeTurn } from '../lib/turn-taking.ts';
import type { Cost } from '../micro/bench.ts';

/** The micro benchmark of the frame encoder, in a process of its own. */
export async function encoding(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [{ name: 'pokewire' }], 2, async () =>
    readingOf(await runMicro(context.root)),
  );
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'encoding',
    settings: { streams: 1_000 },
    series,
    missing: [],
    verdicts: [
      atMost('4a', 'ns per poke', ours('directNs'), 60),
      atMost('4a', 'bytes of heap per poke', ours('directHeapBytes'), 1),
      atLeast('4b', 'times as fast as unpooled', ours('plainNs') / ours('directNs'), 4),
    ],
  };
}

async function runMicro(root: string): Promise<Record<string, Cost>> {
  const endTurn = await takeTurn();
  const args = [join(root, 'load/micro/run.ts'), '--json', 'encode'];
  const [command, all] = pinned(serverCore, process.execPath, args);
  const micro = spawn(command, all, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  hurry(micro.pid!);
  const lines = (await text(micro.stdout)).trim().split('\n');
  endTurn();
  return JSON.parse(lines.at(-1)!) as Record<string, Cost>;
}

function readingOf(costs: Record<string, Cost>): Reading {
  const direct = costs['encode, direct, 1,000 streams, UUID ids']!;
  const plain = costs['encode, plain, 1,000 streams, UUID ids']!;
  return {
    directNs: direct.nsPerOp,
    directHeapBytes: direct.heapBytesPerOp,
    plainNs: plain.nsPerOp,
    plainHeapBytes: plain.heapBytesPerOp,
  };
}
