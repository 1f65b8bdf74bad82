import { Bench } from '../lib/bench.ts';
import { DatabaseFolder } from '../lib/database.ts';
import { GroupLoad } from '../lib/group-load.ts';
import { MessageDb } from '../lib/message-db.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { storeTargets } from '../lib/stores.ts';
import type { Target } from '../lib/target.ts';

const settings = {
  /** Each acknowledgement moves a checkpoint by one message. */
  messages: 20_000,
  members: 4,
  partitionsOfMember: 64,
  partitionsOfRequest: 32,
  requests: 8,
  warmUpMs: 2_000,
  measureMs: 3_000,
};

/** Acknowledgements of partitions, durable before they are answered if the store is. */
export async function groupAcks(context: Context): Promise<ScenarioResult> {
  using folder = new DatabaseFolder();
  await using db = await MessageDb.start();
  const postgres = db.target(context, 'postgres', 'all', await db.freshForGroups());
  const series = await repeatInTurn(context, [...storeTargets(context, folder, 'all'), postgres], 1, measureAcks);
  const of = (store: string) => medianOf(series, store, 'acksPerSecond');
  return {
    scenario: 'group-acks',
    settings,
    series,
    missing: [],
    verdicts: [
      atLeast('13e', 'acknowledgements of partitions/s in memory', of('memory'), 20_000),
      atLeast('13e', 'acknowledgements of partitions/s on SQLite', of('sqlite'), 5_000),
      atLeast('13e', 'acknowledgements of partitions/s on PostgreSQL', of('postgres'), 5_000),
    ],
  };
}

/** Acknowledgements of partitions a second, by members of one group. */
export function measureAcks(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, ...order } = settings;
    await bench.fill(messages);
    using load = new GroupLoad();
    return await load.acknowledge({ port: bench.server.port, ...order });
  });
}
