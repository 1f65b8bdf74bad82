import { test } from 'vitest';
import { exportedRows } from '../support/nodes/exported-rows.ts';
import { rollOver } from '../support/nodes/roll-over.ts';
import { isInstalled } from '../support/real-proxy.ts';
import { NatsCluster } from './nats-cluster.ts';
import { natsProgram } from './nats-server.ts';

test.skipIf(natsProgram === undefined || !isInstalled('haproxy'))(
  'While one of three nodes over JetStream is killed, one is frozen and all are replaced, 1,000 subscribers resume by their cursor (needs nats-server and haproxy).',
  async () => {
    await using cluster = await NatsCluster.start({ size: 3 });
    await rollOver(cluster.url('rollover'), exportedRows);
  },
);
