import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeGroups } from '../integration/group-cases.ts';
import { type Assigned, GroupWorker } from '../integration/group-worker.ts';
import { startTestApp } from '../support/start-app.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';
import { Outsider } from './outsider.ts';

describeWithNats('Over JetStream', () => {
  let cluster: NatsCluster;
  let stores = 0;
  beforeAll(async () => {
    cluster = await NatsCluster.start();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  describeGroups(() => startTestApp([`--store=${cluster.url(`groups-${stores++}`)}`]));

  test('When the bucket of a group is deleted, its members reconnect and create it again.', async () => {
    await using app = await startTestApp([`--store=${cluster.url('deleted')}`]);
    await app.append('account-0', { type: 'Opened', data: {} });
    const worker = await GroupWorker.join(app, 'billing', 'worker-1');
    await worker.wait<Assigned>('assigned', 2);
    await using outsider = await Outsider.connect(cluster.servers);
    await outsider.deleteStream('KV_deleted-groups');
    expect(await worker.wait('end')).toEqual([{ code: 'store-failed' }]);
    // Until the node has created the bucket again, it refuses members for a while.
    const rejoin = async () => {
      const again = await GroupWorker.join(app, 'billing', 'worker-1');
      await using _client = again.client;
      return (await again.wait<Assigned>('assigned', 2).catch(() => [])).map(({ position }) => position);
    };
    await expect.poll(rejoin, { timeout: 60_000, interval: 100 }).toEqual([0, 0]);
  });
});
