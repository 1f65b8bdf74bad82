import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Pokewire } from '../../src/client/client.ts';
import { initStore } from '../../src/store/init-store.ts';
import { FencedSink } from '../support/fenced-sink.ts';
import { Front } from '../support/nodes/front.ts';
import { NodeProcess } from '../support/nodes/node-process.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

type Described = {
  readonly state: string;
  readonly members: readonly { readonly member: string; readonly node: string; readonly attached: boolean }[];
  readonly partitions: readonly {
    readonly partition: number;
    readonly member: string;
    readonly generation: number;
    readonly lag: { readonly messages: number };
  }[];
};

const size = 8;
const streams = Array.from({ length: 24 }, (_value, n) => `order-${n}`);

describe.skipIf(!hasPostgres)('Members of a group over three nodes of one database', () => {
  let cluster: PostgresCluster;
  let nodes: NodeProcess[] = [];
  let front: Front;
  let pokewire: Pokewire;
  const sink = new FencedSink();
  const lost: string[] = [];
  let appended = 0;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    const store = cluster.url(database);
    nodes = await Promise.all(Array.from({ length: 3 }, () => NodeProcess.start({ store })));
    front = await Front.open(nodes.map(({ port }) => port));
    pokewire = connect(front.url, { retry: { minMs: 50, maxMs: 500 } });
  });
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await front?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  const join = (member: string) =>
    pokewire.consume(
      { category: 'order', group: 'billing', member, size },
      ({ stream, position }, { generation }) => sink.write({ stream, position, generation }),
      { onError: () => {}, onLost: ({ partition }, why) => lost.push(`${member} lost ${partition}: ${why}`) },
    );

  /** Appends to every stream, and waits until everything is handled. */
  async function work(): Promise<void> {
    for (const stream of streams) {
      await pokewire.append(stream, { type: 'Placed', data: {} }, { retryForMs: Number.POSITIVE_INFINITY });
      appended++;
    }
    await expect.poll(() => sink.handled, { timeout: 30_000, interval: 20 }).toBe(appended);
    expect(sink.breaches).toEqual([]);
  }

  const described = () => pokewire.get<Described>('/groups/billing');
  const owners = ({ partitions }: Described) =>
    partitions.map(({ partition, member, generation }) => ({ partition, member, generation }));

  async function untilShared(members: number): Promise<Described> {
    const shares = async () => {
      const { state, partitions } = await described();
      return [state, new Set(partitions.map(({ member }) => member)).size];
    };
    await expect.poll(shares, { timeout: 30_000, interval: 50 }).toEqual(['stable', members]);
    return described();
  }

  test('keep their partitions and generations while one node after the other is killed, and lose no message.', async () => {
    const workers = ['a', 'b', 'c'].map(join);
    try {
      const before = await untilShared(3);
      lost.length = 0;
      await work();
      for (const node of nodes) {
        await node.stop('SIGKILL');
        await work();
        await node.run();
        await node.untilReady();
        await work();
      }
      const isAnotherNode = ({ member, node }: Described['members'][number]) =>
        before.members.every((other) => other.member !== member || other.node !== node);
      // Each of the nodes they had joined is gone, and is considered dead after a while.
      await expect.poll(async () => (await described()).members.every(isAnotherNode), { timeout: 30_000 }).toBe(true);
      expect(owners(await described())).toEqual(owners(before));
      expect(lost).toEqual([]);
      expect(sink).toMatchObject({ refused: 0, repeated: 0, breaches: [] });
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  });

  test('hand over in new generations when members leave and come, each stream in order.', async () => {
    const [a, b] = ['a', 'b'].map(join);
    try {
      const before = await untilShared(2);
      await work();
      await a!.stop();
      await work();
      const alone = await untilShared(1);
      for (const [index, { member, generation }] of alone.partitions.entries()) {
        const former = before.partitions[index]!;
        expect(member).toBe('b');
        if (former.member === 'b') expect(generation).toBe(former.generation);
        else expect(generation).toBeGreaterThan(former.generation);
      }
      const c = join('c');
      await untilShared(2);
      await work();
      await c.stop();
      await work();
      const behind = async () => (await described()).partitions.reduce((sum, { lag }) => sum + lag.messages, 0);
      await expect.poll(behind, { timeout: 10_000 }).toBe(0);
      expect(sink.breaches).toEqual([]);
    } finally {
      await Promise.all([a, b].map((worker) => worker!.stop()));
    }
  });
});
