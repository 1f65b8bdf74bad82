import { Bench } from '../lib/bench.ts';
import { MessageDb } from '../lib/message-db.ts';
import { Reader } from '../lib/reader.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import type { RunningTarget, Target } from '../lib/target.ts';

const settings = { perSecond: 100, warmUpMs: 1_500, measureMs: 3_000 };

/** From an append to its poke, of one writer and one subscriber: on one node, and on two nodes over one database. */
export async function postgresDelivery(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  // The load client never sleeps on its core: a database there would wait for it.
  db.pin();
  const targets = [{ name: 'own node' }, { name: 'other node' }];
  const series = await repeatInTurn(context, targets, 5, async ({ name }) => {
    const target = db.target(context, name, 'one', await db.fresh());
    return Bench.run(target, ({ server }) =>
      name === 'own node' ? measureBetween(target, server, server) : withSecondNode(target, server),
    );
  });
  return {
    scenario: 'postgres-delivery',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('12c', 'append to poke on the own node: p50 ms', medianOf(series, 'own node', 'p50Ms'), 3),
      atMost('12c', 'append to poke on another node: p50 ms', medianOf(series, 'other node', 'p50Ms'), 8),
    ],
  };
}

async function withSecondNode(target: Target, first: RunningTarget): Promise<Reading> {
  const second = await target.start();
  try {
    return await measureBetween(target, first, second);
  } finally {
    await second.stop();
  }
}

async function measureBetween(target: Target, append: RunningTarget, subscribe: RunningTarget): Promise<Reading> {
  const reader = new Reader({ append: [append], subscribe: [subscribe] }, target);
  try {
    await reader.connect(1);
    await reader.publish({ connections: 1, perSecond: 0, durationMs: settings.warmUpMs });
    const { perSecond, measureMs } = settings;
    const { latencyMs, ackMs } = await reader.publish({ connections: 1, perSecond, durationMs: measureMs });
    return { p50Ms: latencyMs.p50, p99Ms: latencyMs.p99, ackP50Ms: ackMs.p50, ackP99Ms: ackMs.p99 };
  } finally {
    reader.stop();
  }
}
