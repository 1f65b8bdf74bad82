import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../load/soak/random.ts';
import { foreignStreams, sharedStreams } from '../support/nodes/kinds.ts';
import { NodesUnderLoad, startNodes } from '../support/nodes/nodes-under-load.ts';
import { writeAsOther } from './nodes/foreign-writer.ts';
import { readRows } from './nodes/read-rows.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

describe.skipIf(!hasPostgres)('Three nodes beside services that write in transactions of their own', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({ settings: ['deadlock_timeout=100ms'] });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'lose, duplicate and reorder nothing when PostgreSQL ends by %s under load and is started again.',
    async (signal) => {
      const database = await cluster.create();
      await using nodes = await startNodes(3, cluster.url(database));
      await using load = await NodesUnderLoad.start({ nodes });
      const others = new AbortController();
      const connect = () => cluster.connect(database, 'message_store');
      const options = { connect, streams: [...foreignStreams, ...sharedStreams], ledger: load.ledger };
      const writing = Promise.all(
        [3, 4, 5].map((seed) => writeAsOther({ ...options, random: new Random(seed) }, others.signal)),
      );
      await load.untilWritten(200);
      await cluster.stop(signal);
      await Promise.all(nodes.map((node) => node.untilReady(503)));
      await cluster.run();
      await load.untilWritten(200);
      others.abort();
      await writing;
      await load.expectNothingAmiss(() => readRows(cluster, database));
      // Their streams stay open during the outage.
      expect(load.resumed).toBe(0);
    },
  );
});
