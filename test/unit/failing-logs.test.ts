import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { FakeNode } from '../support/fake-node.ts';

/** A node with one live subscription to everything, whose store makes no announcements from now on. */
async function quietNode() {
  const node = new FakeNode();
  const { sink, subscription } = await node.subscribe();
  await node.settle();
  node.store.holdAnnouncements();
  return { node, sink, subscription };
}

describe('A read that fails', () => {
  const failure = new Error('disk');

  function useFakeTimeouts(): void {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
  }

  /** Advances past the longest retry delay. */
  async function waitLongest(node: FakeNode): Promise<void> {
    vi.advanceTimersByTime(5_000);
    await node.settle();
  }

  test('is repeated with growing delays, at least every 5 seconds', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    await node.subscribe();
    await node.settle();
    node.store.failure = failure;
    node.look();
    await node.settle();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 9; attempt++) {
      const { reads } = node.store;
      let ms = 0;
      for (; node.store.reads === reads; ms += 10) {
        vi.advanceTimersByTime(10);
        await Promise.resolve();
        await node.settle();
      }
      waits.push(ms);
    }
    const longest = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000];
    expect(waits.every((ms, index) => ms >= longest[index]! / 2 && ms <= longest[index]! + 10)).toBe(true);
  });

  test('ends no subscription, and delivers once what was written in the meantime when it succeeds', async () => {
    useFakeTimeouts();
    const { node, sink, subscription } = await quietNode();
    await using _node = node;
    node.store.failure = failure;
    await node.append('a-1', 3);
    node.store.lose();
    node.look();
    await node.settle();
    for (let count = 0; count < 3; count++) await waitLongest(node);
    const meanwhile = [subscription.state.name, sink.positions, node.hub.failingLogs];
    node.store.failure = undefined;
    await waitLongest(node);
    expect([meanwhile, sink.positions, node.hub.failingLogs]).toEqual([['live', [], 1], [1, 2, 3], 0]);
    expect(new Set(node.failures)).toEqual(new Set([failure]));
  });

  test('does not delay announcements that continue the head', async () => {
    useFakeTimeouts();
    const { node, sink } = await quietNode();
    await using _node = node;
    node.store.failure = failure;
    node.look();
    await node.settle();
    await node.append('a-1', 3);
    node.store.announce();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('of one log does not affect others', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    const { log: broken } = await node.store.namespace('broken');
    const { log } = node.store;
    node.store.log = (id) => {
      const found = log.call(node.store, id);
      return id === broken ? Object.assign(Object.create(found), { bounds: () => Promise.reject(failure) }) : found;
    };
    const waiting = await node.subscribe({ namespace: 'broken' });
    const { sink } = await node.subscribe();
    await node.append('a-1', 2);
    await node.settle();
    await waitLongest(node);
    expect([waiting.subscription.state.name, sink.positions, node.hub.failingLogs]).toEqual(['starting', [1, 2], 1]);
  });

  test('of a log without subscribers does not count as a failing log, and the log is no longer followed', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    node.store.failure = failure;
    node.look();
    for (let count = 0; count < 3; count++) await waitLongest(node);
    const meanwhile = node.hub.failingLogs;
    sink.hangUp();
    await node.settle();
    const behind = node.hub.failingLogs;
    node.look();
    expect([meanwhile, behind, node.hub.logs]).toEqual([1, 0, 0]);
  });

  test('because the log is gone is not a fault of the store, and is not repeated', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    await node.subscribe();
    await node.settle();
    await node.store.namespaces.remove(await node.store.namespace('default'));
    for (let count = 0; count < 3; count++) await waitLongest(node);
    const { reads } = node.store;
    for (let count = 0; count < 3; count++) await waitLongest(node);
    expect([node.hub.failingLogs, node.store.reads - reads]).toEqual([0, 0]);
  });

  test('after a stop is not repeated', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    node.store.failure = failure;
    node.look();
    sink.hangUp();
    await node.settle();
    node.hub.stop();
    await node.settle();
    const { reads } = node.store;
    await waitLongest(node);
    expect(node.store.reads).toBe(reads);
  });
});
