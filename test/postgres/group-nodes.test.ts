import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initStore } from '../../src/store/init-store.ts';
import { type DescribedGroup, GroupOverNodes, ownersIn } from '../support/nodes/group-over-nodes.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

describe.skipIf(!hasPostgres)('Members of a group over three nodes of one database', () => {
  let cluster: PostgresCluster;
  let group: GroupOverNodes;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    group = await GroupOverNodes.start(cluster.url(database));
  });
  afterAll(async () => {
    await group?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('keep their partitions and generations while one node after another is killed, and lose no message.', async () => {
    const workers = ['a', 'b', 'c'].map((member) => group.join(member));
    try {
      const before = await group.untilShared(3);
      group.lost.length = 0;
      await group.work();
      for (const node of group.nodes) {
        await node.stop('SIGKILL');
        await group.work();
        await node.run();
        await node.untilReady();
        await group.work();
      }
      const isAnotherNode = ({ member, node }: DescribedGroup['members'][number]) =>
        before.members.every((other) => other.member !== member || other.node !== node);
      // Each of the nodes they had joined is gone, and is considered dead after a while.
      await expect
        .poll(async () => (await group.described()).members.every(isAnotherNode), { timeout: 30_000 })
        .toBe(true);
      expect(ownersIn(await group.described())).toEqual(ownersIn(before));
      expect(group.lost).toEqual([]);
      expect(group.sink).toMatchObject({ refused: 0, repeated: 0, breaches: [] });
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });

  test('hand over in new generations when members leave and join, each stream in order.', async () => {
    await group.handOver();
  });
});
