import { setTimeout as sleep } from 'node:timers/promises';
import { SseClient } from '../../test/support/sse-client.ts';
import { Bench } from '../lib/bench.ts';
import { measureDelivery, measureOtherNode } from '../lib/measure-delivery.ts';
import { MessageDb, writeMessageSql } from '../lib/message-db.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { percentiles } from '../lib/statistics.ts';
import type { RunningTarget, Target } from '../lib/target.ts';

const settings = { perSecond: 100, warmUpMs: 1_500, measureMs: 3_000 };

/**
 * Latency from an append to its poke, with one writer and one subscriber: on one node, and on two nodes over one database; and
 * from the commit of a service that writes directly to the poke.
 */
export async function postgresDelivery(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  // The load client never sleeps on its core, so a database on that core would have to wait for it.
  db.pin();
  const measure = new Map([
    ['own node', (target: Target, server: RunningTarget) => measureDelivery(target, settings, server, server)],
    ['other node', (target: Target, server: RunningTarget) => measureOtherNode(target, settings, server)],
    [
      'service',
      (_target: Target, server: RunningTarget, database: string) => measureService(db, database, server.port),
    ],
  ]);
  const targets = [...measure.keys()].map((name) => ({ name }));
  const series = await repeatInTurn(context, targets, 5, async ({ name }) => {
    const database = await db.fresh();
    const target = db.target(context, name, 'one', database);
    return Bench.run(target, ({ server }) => measure.get(name)!(target, server, database));
  });
  return {
    scenario: 'postgres-delivery',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('12c', 'append to poke on the own node: p50 ms', medianOf(series, 'own node', 'p50Ms'), 3),
      atMost('12c', 'append to poke on another node: p50 ms', medianOf(series, 'other node', 'p50Ms'), 8),
      atMost('12g', 'commit of a service to poke: p99 ms', medianOf(series, 'service', 'p99Ms'), 10),
    ],
  };
}

/** A service that writes on its own connection, out of step with the polls. */
async function measureService(db: MessageDb, database: string, port: number): Promise<Reading> {
  await using service = await db.connect(database);
  await using subscriber = await SseClient.connect(port, '/subscribe?category=account');
  const write = async (durationMs: number): Promise<number[]> => {
    const delaysMs: number[] = [];
    const endMs = performance.now() + durationMs;
    while (performance.now() < endMs) {
      await sleep((Math.random() * 2_000) / settings.perSecond);
      const heard = subscriber.waitForPokes(subscriber.pokes.length + 1).then(() => performance.now());
      await service.query(writeMessageSql, ['account-1']);
      const committedMs = performance.now();
      // The poke may arrive before the answer.
      delaysMs.push(Math.max(0, (await heard) - committedMs));
    }
    return delaysMs;
  };
  await write(settings.warmUpMs);
  const { p50, p99, max } = percentiles(await write(settings.measureMs));
  return { p50Ms: p50, p99Ms: p99, maxMs: max };
}
