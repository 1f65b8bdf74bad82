import { test } from 'vitest';
import { rollOver } from '../support/nodes/roll-over.ts';
import { isInstalled } from '../support/real-proxy.ts';
import { readRows } from './nodes/read-rows.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

for (const proxy of ['haproxy', 'nginx'] as const) {
  test.skipIf(!hasPostgres || !isInstalled(proxy))(
    `While one of three nodes behind ${proxy} is killed, stopped and all are replaced, 1,000 subscribers resume by their cursor (needs ${proxy}).`,
    { timeout: 300_000 },
    async () => {
      await using cluster = await PostgresCluster.start();
      const database = await cluster.create();
      await rollOver(cluster.url(database), () => readRows(cluster, database), proxy);
    },
  );
}
