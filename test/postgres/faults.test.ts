import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import type { TestApp } from '../support/start-app.ts';
import { CuttableWay } from './cuttable-way.ts';
import { LoadedNodes } from './loaded-nodes.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

describe.skipIf(!hasPostgres)('Two nodes under load', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  /** Runs the load with a fault in PostgreSQL in the middle. */
  async function suffer(happening: (load: LoadedNodes) => Promise<void>): Promise<void> {
    await using load = await LoadedNodes.start(cluster, await cluster.create());
    await load.untilWritten(200);
    await happening(load);
    await load.untilReady(200);
    await load.untilWritten(200);
    await load.expectNothingAmiss();
  }

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'lose, duplicate and reorder nothing when PostgreSQL ends by %s and is started again.',
    (signal) =>
      suffer(async (load) => {
        await cluster.stop(signal);
        await load.untilReady(503);
        await cluster.run();
      }),
  );

  test('lose, double and reorder nothing when a backend is killed, which makes PostgreSQL recover.', () =>
    suffer(async () => {
      await using owner = await cluster.connect('postgres');
      const { rows } = await owner.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'pokewire' LIMIT 1",
      );
      process.kill(rows[0]!.pid, 'SIGKILL');
    }));

  test('lose, double and reorder nothing when one of them is cut off, which reports that, keeps its streams and catches up.', async () => {
    await using way = await CuttableWay.open(cluster);
    const database = await cluster.create();
    await using load = await LoadedNodes.start(cluster, database, way.url(database));
    await load.untilWritten(200);
    way.cut();
    const [whole, cutOff] = load.nodes as [TestApp, TestApp];
    await load.untilReady(503, [cutOff]);
    await load.untilReady(200, [whole]);
    await load.untilWritten(200);
    way.mend();
    await load.untilReady(200);
    await load.untilWritten(200);
    await load.expectNothingAmiss();
  });

  test('report that they are not ready while PostgreSQL is stopped, keep their streams, and catch up.', () =>
    suffer(async (load) => {
      const resume = await cluster.freeze();
      try {
        await load.untilReady(503);
      } finally {
        await resume();
      }
    }));
});

describe.skipIf(!hasPostgres)('A store that is cut off from PostgreSQL', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test('closes within seconds, and rejects the running append and read.', async () => {
    await using way = await CuttableWay.open(cluster);
    const store = await PostgresStore.open(way.url(await cluster.create()), {
      pokes: pokePool(),
      maxBytes: 0,
      maxBytesPerNamespace: 0,
      maxNamespaces: 1,
    });
    const log = store.log((await store.namespaces.find('default'))!.log);
    await log.append('a-1', newMessages(1), undefined);
    // Round robin over the four read connections, so that all are open.
    for (let n = 0; n < 4; n++) await log.version('a-1');
    way.cut();
    const startMs = performance.now();
    const underWay = Promise.allSettled([log.append('a-1', newMessages(1), undefined), log.version('a-1')]);
    await store.close();
    const rejected = { status: 'rejected', reason: { code: 'BACKEND_ERROR' } };
    expect(await underWay).toMatchObject([rejected, rejected]);
    // Faster than the time-out of statements, 10 s.
    expect(performance.now() - startMs).toBeLessThan(8_000);
  });
});
