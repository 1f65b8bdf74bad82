import { test } from 'vitest';
import { Random } from '../../load/soak/random.ts';
import { foreignStreams, sharedStreams } from '../support/nodes/kinds.ts';
import { NodesUnderLoad, startNodes } from '../support/nodes/nodes-under-load.ts';
import { writeAsOther } from './nodes/foreign-writer.ts';
import { readRows } from './nodes/read-rows.ts';
import { hasPgBouncer, PgBouncer } from './pgbouncer.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

test.skipIf(!hasPostgres || !hasPgBouncer)(
  'Through pgbouncer in transaction mode, which is killed once, nothing is lost, duplicated or reordered (needs pgbouncer).',
  async () => {
    await using cluster = await PostgresCluster.start({ settings: ['deadlock_timeout=100ms'] });
    const database = await cluster.create();
    await using pgbouncer = await PgBouncer.start(cluster);
    await using nodes = await startNodes(2, pgbouncer.url(database));
    await using load = await NodesUnderLoad.start({ nodes });
    const others = new AbortController();
    const connect = () => cluster.connect(database, 'message_store');
    const options = { connect, streams: [...foreignStreams, ...sharedStreams], ledger: load.ledger };
    const writing = Promise.all(
      [3, 4].map((seed) => writeAsOther({ ...options, random: new Random(seed) }, others.signal)),
    );
    await load.untilWritten(300);
    await pgbouncer.restart();
    await load.untilWritten(300);
    others.abort();
    await writing;
    await load.expectNothingAmiss(() => readRows(cluster, database));
  },
);
