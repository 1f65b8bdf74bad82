import { afterAll, beforeAll, expect, test } from 'vitest';
import { GroupOverNodes, ownersIn } from '../support/nodes/group-over-nodes.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

describeWithNats('Members of a group over three nodes of one JetStream', () => {
  let cluster: NatsCluster;
  let group: GroupOverNodes;

  beforeAll(async () => {
    cluster = await NatsCluster.start({ size: 3 });
    group = await GroupOverNodes.start(cluster.url('nodes'));
  });
  afterAll(async () => {
    await group?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('are handed over in new generations when members leave and join, each stream in order.', async () => {
    await group.handOver();
  });

  test('keep their partitions and generations while a node and the server with the records are killed, and lose no message.', async () => {
    const workers = ['a', 'b', 'c'].map((member) => group.join(member));
    try {
      const before = await group.untilShared(3);
      group.lost.length = 0;
      await group.work();
      const [node] = group.nodes;
      await node!.stop('SIGKILL');
      await group.work();
      await node!.run();
      const leader = await cluster.leaderOf('KV_nodes-groups');
      await leader.stop('SIGKILL');
      await group.work();
      await leader.run();
      await group.work();
      expect(ownersIn(await group.described())).toEqual(ownersIn(before));
      expect(group.lost).toEqual([]);
      expect(group.sink.breaches).toEqual([]);
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });
});
