import { afterAll, beforeAll, describe, test } from 'vitest';
import { LoadedNodes } from './loaded-nodes.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

describe.skipIf(!hasPostgres)('Two nodes under load', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  /** Runs the load, with this happening to PostgreSQL in the middle of it. */
  async function suffer(happening: (load: LoadedNodes) => Promise<void>): Promise<void> {
    await using load = await LoadedNodes.start(cluster, await cluster.create());
    await load.untilWritten(200);
    await happening(load);
    await load.untilReady(200);
    await load.untilWritten(200);
    await load.expectNothingAmiss();
  }

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'lose, double and reorder nothing when PostgreSQL ends by %s and is started again.',
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

  test('say that they are not ready while PostgreSQL is stopped, keep their streams, and catch up.', () =>
    suffer(async (load) => {
      const resume = await cluster.freeze();
      await load.untilReady(503);
      resume();
    }));
});
