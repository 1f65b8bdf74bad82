import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { tagOf } from '../../src/sse/cursor.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode, noWishes } from '../support/fake-node.ts';

const ofA = { selection: selectionOf({ categories: ['a'] }) };
const hello = { ...noWishes, hello: true };
const failure = new Error('disk');

function useFakeTimeouts(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

describe('A cursor ahead of this node', () => {
  test('that names the log waits, and receives only later messages', async () => {
    await using node = new FakeNode();
    const { log } = await node.store.namespace('default');
    await node.append('a-1', 3);
    const { sink, subscription } = await node.subscribe({
      ...ofA,
      wishes: hello,
      lastEventId: { globalPosition: 5, tag: tagOf(log) },
    });
    const waiting = subscription.state.name;
    await node.append('a-1', 4);
    await node.settle();
    const resets = sink.stream.events.filter(({ type }) => type === 'reset');
    expect([waiting, sink.positions, resets, subscription.state.name]).toEqual(['catching-up', [6, 7], [], 'live']);
  });

  test('gets heartbeats in the meantime', async () => {
    await using node = new FakeNode();
    const { log } = await node.store.namespace('default');
    const { sink, subscription } = await node.subscribe({ lastEventId: { globalPosition: 5, tag: tagOf(log) } });
    subscription.beat();
    expect(sink.stream.comments).toEqual([' ready', '']);
  });

  test('that the store has already reached is reached without an announcement', async () => {
    await using node = new FakeNode();
    const { log } = await node.store.namespace('default');
    await node.subscribe();
    await node.settle();
    node.store.holdAnnouncements();
    await node.append('a-1', 6);
    node.store.lose();
    const { sink, subscription } = await node.subscribe({
      ...ofA,
      lastEventId: { globalPosition: 5, tag: tagOf(log) },
    });
    await node.settle();
    expect([sink.positions, subscription.state.name]).toEqual([[6], 'live']);
  });

  test('that is a bare number gets a reset, and everything', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { sink } = await node.subscribe({ ...ofA, wishes: hello, lastEventId: 5 });
    await node.settle();
    const reset = sink.stream.events.find(({ type }) => type === 'reset');
    expect([JSON.parse(reset!.data).reason, sink.positions]).toEqual(['cursor-ahead', [1, 2, 3]]);
  });

  test('that is a bare number the store has reached is resumed, although this node does not know that yet', async () => {
    await using node = new FakeNode();
    await node.subscribe();
    await node.settle();
    node.store.holdAnnouncements();
    await node.append('a-1', 6);
    node.store.lose();
    const { sink } = await node.subscribe({ ...ofA, wishes: hello, lastEventId: 5 });
    await node.settle();
    expect([sink.stream.events.map(({ type }) => type), sink.positions]).toEqual([['hello', 'poke'], [6]]);
  });
});

describe('A subscription to everything without a cursor', () => {
  test('begins at the head known to the store rather than to this node', async () => {
    await using node = new FakeNode();
    const { sink: before } = await node.subscribe();
    await node.settle();
    node.store.holdAnnouncements();
    await node.append('a-1', 3);
    node.store.lose();
    const { sink } = await node.subscribe();
    await node.append('a-1');
    node.look();
    await node.settle();
    expect([before.positions, sink.positions]).toEqual([[1, 2, 3, 4], [4]]);
  });

  test('shares the read of the bounds with others that start at the same time', async () => {
    await using node = new FakeNode();
    await node.subscribe();
    await node.settle();
    const { boundsReads } = node.store;
    node.store.holdReads();
    const starting = [];
    for (let n = 0; n < 50; n++) starting.push(node.subscribe());
    await Promise.all(starting);
    node.store.answerReads();
    await node.settle();
    expect(node.store.boundsReads - boundsReads).toBe(2);
  });
});

describe('A store whose bounds cannot be read', () => {
  test('sends the response head, with heartbeats, and the greeting once they can be read', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    await node.append('a-1', 3);
    node.store.failure = failure;
    const { sink, subscription } = await node.subscribe({ ...ofA, lastEventId: 1 });
    await node.settle();
    subscription.beat();
    const meanwhile = [subscription.state.name, sink.stream.comments];
    for (let time = 0; time < 3; time++) {
      vi.advanceTimersByTime(5_000);
      await node.settle();
    }
    const failing = [node.hub.failingLogs, node.closed];
    node.store.failure = undefined;
    vi.advanceTimersByTime(5_000);
    await node.settle();
    expect([meanwhile, failing, node.hub.failingLogs]).toEqual([['starting', ['']], [1, []], 0]);
    expect([sink.stream.comments, sink.positions, subscription.state.name]).toEqual([['', ' ready'], [2, 3], 'live']);
  });

  test('sends the response head at once, even if only fresh bounds are missing', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    node.responseHead = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');
    const follower = await node.subscribe({ ...ofA, lastEventId: 0 });
    await node.settle();
    node.store.failure = failure;
    const { sink } = await node.subscribe();
    const { sink: elsewhere } = await node.subscribe({ namespace: 'other' });
    await node.settle();
    const heads = [sink, elsewhere].map(({ received }) => received.toString());
    expect([heads, follower.subscription.state.name]).toEqual([Array(2).fill('HTTP/1.1 200 OK\r\n\r\n'), 'live']);
  });

  test('delays only subscriptions that need fresh bounds', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    await node.append('a-1', 3);
    await node.subscribe();
    await node.settle();
    node.store.failure = failure;
    const waiting = await node.subscribe();
    const { sink, subscription } = await node.subscribe({ ...ofA, lastEventId: 1 });
    await node.append('a-1');
    await node.settle();
    expect([waiting.subscription.state.name, subscription.state.name, sink.positions]).toEqual([
      'starting',
      'live',
      [2, 3, 4],
    ]);
    node.store.failure = undefined;
    vi.advanceTimersByTime(5_000);
    await node.append('a-1');
    await node.settle();
    expect([waiting.subscription.state.name, waiting.sink.positions]).toEqual(['live', [5]]);
  });

  test('lets its subscribers leave, and releases their resources', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    node.store.failure = failure;
    const { sink } = await node.subscribe();
    sink.hangUp();
    await node.settle();
    expect([node.released, node.hub.subscriptions.size]).toEqual([1, 0]);
  });

  test('does not prevent a stop', async () => {
    useFakeTimeouts();
    await using node = new FakeNode();
    node.store.failure = failure;
    const { sink } = await node.subscribe();
    await node.hub.endAll('draining', 0);
    await node.settle();
    expect([sink.destroyed, node.closed.map(({ reason }) => reason)]).toEqual([true, ['draining']]);
  });
});
