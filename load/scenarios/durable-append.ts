import { statSync } from 'node:fs';
import { arrayOf, Bench } from '../lib/bench.ts';
import { DatabaseFolder, storeFlags, usualMessage } from '../lib/database.ts';
import { measureAppends } from '../lib/measure-appends.ts';
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
  arrayWarmUpMs: 500,
  storedMessages: 200_000,
};

/** Appends that are on disk when they are answered, compared with the memory store. */
export async function durableAppend(context: Context): Promise<ScenarioResult> {
  using folder = new DatabaseFolder();
  // A durable store works in its own threads, so both servers get both cores, as on any machine.
  const stores = storeTargets(context, folder, 'all');
  const series = await repeatInTurn(context, stores, 3, (target) => measureAppends(target, settings));
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

/** Size of a database filled over HTTP, after its server has closed it. */
async function measureFile(target: Target, folder: DatabaseFolder): Promise<Reading> {
  const path = folder.fresh();
  const { storedMessages, messagesPerArray } = settings;
  const body = arrayOf(usualMessage, messagesPerArray);
  const count = storedMessages / messagesPerArray;
  await Bench.run(target, (bench) => bench.publish({ connections: 4, body, count }), storeFlags(path));
  return { bytesPerMessage: statSync(path).size / storedMessages };
}
