import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { connect, type GroupWorker } from '../../src/client/client.ts';
import { initStore } from '../../src/store/init-store.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const groups = 30;
const membersOfGroup = 4;
const watchedMs = 6_000;
/** Each turn, once per second, a node writes its own record and reads what changed. */
const statementsPerTurn = 2;
/** A walk over all groups, every 30 s, may happen during the measurement. */
const statementsOfWalk = 1;

/** Members of idle groups, each of which owns a partition. */
async function joinIdle(app: TestApp): Promise<GroupWorker[]> {
  const pokewire = connect(app.url);
  const workers: GroupWorker[] = [];
  for (let n = 0; n < groups; n++) {
    const shared = Promise.withResolvers<void>();
    const owners = new Set<string>();
    for (let index = 0; index < membersOfGroup; index++) {
      const member = `member-${index}`;
      const onAssigned = () => {
        if (owners.add(member).size === membersOfGroup) shared.resolve();
      };
      const work = { category: 'idle', group: `idle-${n}`, member, size: membersOfGroup };
      workers.push(pokewire.consume(work, () => {}, { onAssigned }));
    }
    await shared.promise;
  }
  return workers;
}

/** Number of statements so far that read or write records of groups. */
async function groupStatements(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ calls: number }>(
    `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements
     WHERE query LIKE '%pokewire.group_%' AND query NOT LIKE '%pg_stat_statements%'`,
  );
  return rows[0]!.calls;
}

test.skipIf(!hasPostgres)('Idle groups cost a node two statements per second, however many there are.', async () => {
  await using cluster = await PostgresCluster.start({ settings: ['shared_preload_libraries=pg_stat_statements'] });
  const database = await cluster.create();
  await initStore(cluster.url(database, 'postgres'), 'message_store');
  await using client = await cluster.connect(database, 'postgres');
  await client.query('CREATE EXTENSION pg_stat_statements');
  await using app = await startTestApp(['--store', cluster.url(database)]);
  const workers = await joinIdle(app);
  const inOneSecond = async () => {
    const soFar = await groupStatements(client);
    await delay(1_000);
    return (await groupStatements(client)) - soFar;
  };
  // What follows the last assignments is not the cost of idle groups.
  await expect.poll(inOneSecond, { timeout: 50_000 }).toBeLessThanOrEqual(2 * statementsPerTurn);
  const before = await groupStatements(client);
  const startMs = performance.now();
  await delay(watchedMs);
  const statements = (await groupStatements(client)) - before;
  // A slow machine takes fewer turns, never more.
  const mostTurns = (performance.now() - startMs) / 1_000 + 1;
  expect(statements).toBeGreaterThan(0);
  expect(statements).toBeLessThanOrEqual(statementsPerTurn * mostTurns + statementsOfWalk);
  await Promise.all(workers.map((worker) => worker.stop()));
});
