import { statSync } from 'node:fs';
import { arrayOf, Bench } from '../lib/bench.ts';
import { DatabaseFolder, storeFlags, usualMessage } from '../lib/database.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { storeTargets } from '../lib/stores.ts';
import type { Target } from '../lib/target.ts';

const settings = {
  connections: 64,
  warmUpMs: 3_000,
  measureMs: 2_000,
  messagesPerArray: 100,
  arrayConnections: 16,
  storedMessages: 200_000,
};

/** Appends that are on the disk when they are answered, beside those of the memory store. */
export async function durableAppend(context: Context): Promise<ScenarioResult> {
  using folder = new DatabaseFolder();
  // A durable store works in threads of its own, so both servers have both cores, as on any machine.
  const stores = storeTargets(context, folder, 'all');
  const series = await repeatInTurn(context, stores, 3, measureAppends);
  series.push(
    ...(await repeatInTurn(context, [pokewireOf(context, [], 'file')], 1, (target) => measureFile(target, folder))),
  );
  const of = (store: string, name: string) => medianOf(series, store, name);
  return {
    scenario: 'durable-append',
    settings,
    series,
    missing: [],
    verdicts: [
      atLeast(
        '9a',
        'durable appends/s over 64 connections, times those of the memory store',
        of('sqlite', 'appendsPerSecond') / of('memory', 'appendsPerSecond'),
        0.7,
      ),
      atLeast('9b', 'durable messages/s in arrays of 100', of('sqlite', 'arrayMessagesPerSecond'), 120_000),
      atMost('9g', 'bytes on disk of a message with 204 bytes of payload', of('file', 'bytesPerMessage'), 350),
    ],
  };
}

function measureAppends(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { connections, warmUpMs, measureMs, messagesPerArray, arrayConnections } = settings;
    await bench.publish({ connections, durationMs: warmUpMs });
    const meter = bench.meter(bench.publishers.pid);
    const single = await bench.publish({ connections, durationMs: measureMs });
    const { serverShare, loadShare } = meter.read();
    const body = arrayOf(target.appendBody, messagesPerArray);
    await bench.publish({ connections: arrayConnections, body, durationMs: warmUpMs / 6 });
    const arrays = await bench.publish({ connections: arrayConnections, body, durationMs: measureMs / 2 });
    return {
      appendsPerSecond: (single.published / (single.endUs - single.startUs)) * 1_000_000,
      ackP50Ms: single.ackMs.p50,
      ackP99Ms: single.ackMs.p99,
      arrayMessagesPerSecond: ((arrays.published * messagesPerArray) / (arrays.endUs - arrays.startUs)) * 1_000_000,
      arrayAckP99Ms: arrays.ackMs.p99,
      serverShare,
      loadShare,
    };
  });
}

/** What a database takes that was filled over HTTP, once its server has closed it. */
async function measureFile(target: Target, folder: DatabaseFolder): Promise<Reading> {
  const path = folder.fresh();
  const { storedMessages, messagesPerArray } = settings;
  const body = arrayOf(usualMessage, messagesPerArray);
  const count = storedMessages / messagesPerArray;
  await Bench.run(target, (bench) => bench.publish({ connections: 4, body, count }), storeFlags(path));
  return { bytesPerMessage: statSync(path).size / storedMessages };
}
