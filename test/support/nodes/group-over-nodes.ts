import { expect } from 'vitest';
import { connect, type GroupWorker, type Pokewire } from '../../../src/client/client.ts';
import { FencedSink } from '../fenced-sink.ts';
import { Front } from './front.ts';
import { NodeProcess } from './node-process.ts';

/** A group, as a node describes it. */
export type DescribedGroup = {
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

/** The group `billing` of three nodes over one store, whose members connect through one address. */
export class GroupOverNodes implements AsyncDisposable {
  readonly nodes: readonly NodeProcess[];
  readonly sink = new FencedSink();
  /** Partitions that members lost before they released them. */
  readonly lost: string[] = [];
  readonly #front: Front;
  readonly #pokewire: Pokewire;
  #appended = 0;

  private constructor(nodes: readonly NodeProcess[], front: Front) {
    this.nodes = nodes;
    this.#front = front;
    this.#pokewire = connect(front.url, { retry: { minMs: 50, maxMs: 500 } });
  }

  static async start(store: string): Promise<GroupOverNodes> {
    const nodes = await Promise.all(Array.from({ length: 3 }, () => NodeProcess.start({ store })));
    return new GroupOverNodes(nodes, await Front.open(nodes.map(({ port }) => port)));
  }

  join(member: string): GroupWorker {
    return this.#pokewire.consume(
      { category: 'order', group: 'billing', member, size },
      ({ stream, position }, { generation }) => this.sink.write({ stream, position, generation }),
      { onError: () => {}, onLost: ({ partition }, why) => this.lost.push(`${member} lost ${partition}: ${why}`) },
    );
  }

  /** Appends to every stream, and waits until all messages are handled. */
  async work(): Promise<void> {
    for (const stream of streams) {
      await this.#pokewire.append(stream, { type: 'Placed', data: {} }, { retryForMs: Number.POSITIVE_INFINITY });
      this.#appended++;
    }
    await expect.poll(() => this.sink.handled, { timeout: 30_000, interval: 20 }).toBe(this.#appended);
    expect(this.sink.breaches).toEqual([]);
  }

  described(): Promise<DescribedGroup> {
    return this.#pokewire.get<DescribedGroup>('/groups/billing');
  }

  /** Waits until this many members share the partitions. */
  async untilShared(members: number): Promise<DescribedGroup> {
    const shares = async () => {
      const { state, partitions } = await this.described();
      return [state, new Set(partitions.map(({ member }) => member)).size];
    };
    await expect.poll(shares, { timeout: 30_000, interval: 50 }).toEqual(['stable', members]);
    return this.described();
  }

  /** Makes members leave and join, and checks every generation. */
  async handOver(): Promise<void> {
    const [a, b] = ['a', 'b'].map((member) => this.join(member));
    try {
      const before = await this.untilShared(2);
      await this.work();
      await a!.stop();
      await this.work();
      const alone = await this.untilShared(1);
      for (const [index, { member, generation }] of alone.partitions.entries()) {
        const former = before.partitions[index]!;
        expect(member).toBe('b');
        if (former.member === 'b') expect(generation).toBe(former.generation);
        else expect(generation).toBeGreaterThan(former.generation);
      }
      const c = this.join('c');
      await this.untilShared(2);
      await this.work();
      await c.stop();
      await this.work();
      const behind = async () => (await this.described()).partitions.reduce((sum, { lag }) => sum + lag.messages, 0);
      await expect.poll(behind, { timeout: 30_000 }).toBe(0);
      expect(this.sink.breaches).toEqual([]);
    } finally {
      await Promise.all([a, b].map((worker) => worker!.stop()));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    await this.#front[Symbol.asyncDispose]();
  }
}

/** The owner and generation of each partition. */
export function ownersIn({ partitions }: DescribedGroup) {
  return partitions.map(({ partition, member, generation }) => ({ partition, member, generation }));
}
