import { describe, expect, test } from 'vitest';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';
import { forgetAll } from '../support/forget-all.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const wishes = { hello: true, heads: false, conflated: false, heartbeatMs: undefined };
const ofA = { selection: selectionOf({ categories: ['a'] }) };

/** A node with one live subscription to everything, whose store makes no announcements from now on. */
async function quietNode() {
  const node = new FakeNode();
  const { sink, subscription } = await node.subscribe();
  await node.settle();
  node.store.holdAnnouncements();
  return { node, sink, subscription };
}

describe('Messages that the store has forgotten before this node could read them', () => {
  test('end the subscriptions that should have received them, and no others', async () => {
    const { node, subscription } = await quietNode();
    await using _node = node;
    const ahead = await node.subscribe({ ...ofA, position: 100 });
    const elsewhere = await node.subscribe({ namespace: 'other' });
    await node.append('a-1', 20);
    node.store.lose();
    node.store.forgottenUpTo = 10;
    // A gap makes the node read the log; the other subscription is unaffected.
    await node.append('a-1');
    node.store.announce();
    await node.settle();
    expect(node.closed).toEqual([{ subscription, reason: 'log-forgotten' }]);
    expect([ahead.subscription.state.name, elsewhere.subscription.state.name]).toEqual(['catching-up', 'live']);
  });

  test('end subscriptions that are catching up before them', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 200);
    await node.subscribe();
    await node.settle();
    node.store.forgottenUpTo = 10;
    const before = await node.subscribe({ ...ofA, lastEventId: 9 });
    const behind = await node.subscribe({ ...ofA, lastEventId: 10 });
    await node.settle();
    expect(node.closed).toEqual([{ subscription: before.subscription, reason: 'log-forgotten' }]);
    expect(behind.sink.positions).toEqual(range(11, 200));
  });

  test('are reported as missed to a subscriber that reconnects with an earlier cursor', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 200);
    await node.subscribe();
    await node.settle();
    node.store.forgottenUpTo = 10;
    await node.subscribe({ ...ofA, lastEventId: 5 });
    await node.settle();
    const { sink } = await node.subscribe({ ...ofA, lastEventId: 5, wishes });
    await node.settle();
    const reset = sink.stream.events.find(({ type }) => type === 'reset');
    expect(JSON.parse(reset!.data)).toMatchObject({ reason: 'forgotten', lost: { from: 6, to: 10 }, replayFrom: 11 });
    expect(sink.positions).toEqual(range(11, 200));
  });

  test('are never skipped by means of the last pokes in this node’s memory', async () => {
    const { node } = await quietNode();
    await using _node = node;
    await node.append('a-1', 4);
    node.store.announce();
    await node.append('a-1', 20);
    node.store.lose();
    node.store.forgottenUpTo = 10;
    node.look();
    await node.settle();
    const { sink, subscription } = await node.subscribe({ ...ofA, lastEventId: 3 });
    await node.settle();
    expect([sink.positions, subscription.state.name]).toEqual([range(11, 24), 'live']);
  });
});

/** Deletes all but the last messages of a category, or of everything. */
async function keepLast(node: FakeNode, maxMessages: number, category?: string): Promise<void> {
  const namespace = await node.store.namespace('default');
  await node.store.namespaces.setRetention(namespace, category, { maxMessages });
  await forgetAll(node.store);
}

const named = (sink: { stream: { events: readonly { type: string; data: string }[] } }, name: string) =>
  sink.stream.events.filter(({ type }) => type === name).map(({ data }) => JSON.parse(data));

describe('The deleted messages of a category', () => {
  /** Messages of `a` at odd positions, of `b` at even ones; the first forty are deleted. */
  async function mixedNode(): Promise<FakeNode> {
    const node = new FakeNode();
    for (let n = 0; n < 50; n++) {
      await node.append('a-1');
      await node.append('b-1');
    }
    await keepLast(node, 10, 'b');
    return node;
  }

  test('reset no subscription to another one', async () => {
    await using node = await mixedNode();
    const { sink, subscription } = await node.subscribe({ ...ofA, lastEventId: 3, wishes });
    await node.settle();
    expect(named(sink, 'reset')).toEqual([]);
    expect(named(sink, 'hello')).toMatchObject([{ head: 100, forgottenUpTo: 0 }]);
    expect(sink.positions).toEqual(range(2, 49).map((n) => n * 2 + 1));
    expect(subscription.state.name).toBe('live');
  });

  test('are reported with the exact range to subscriptions of that category', async () => {
    await using node = await mixedNode();
    const ofB = { selection: selectionOf({ categories: ['b'] }) };
    const before = await node.subscribe({ ...ofB, lastEventId: 6, wishes });
    const behind = await node.subscribe({ ...ofB, lastEventId: 80, wishes });
    const everything = await node.subscribe({ lastEventId: 6, wishes });
    await node.settle();
    const reset = { reason: 'forgotten', lost: { from: 7, to: 80 }, replayFrom: 81 };
    expect([named(before.sink, 'reset'), named(everything.sink, 'reset')]).toMatchObject([[reset], [reset]]);
    expect(named(behind.sink, 'reset')).toEqual([]);
    expect(named(before.sink, 'hello')).toMatchObject([{ forgottenUpTo: 80 }]);
    expect(behind.sink.positions).toEqual(range(41, 50).map((n) => n * 2));
  });

  test('end subscriptions that catch up before them, and no others', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 100);
    await node.append('b-1', 100);
    // This node's window starts at the head.
    await node.subscribe();
    await node.settle();
    node.store.pagePokes = 10;
    node.store.holdPages();
    const ofB = { selection: selectionOf({ categories: ['b'] }) };
    const onA = await node.subscribe({ ...ofA, lastEventId: 5 });
    const onB = await node.subscribe({ ...ofB, lastEventId: 105 });
    await keepLast(node, 20, 'b');
    node.store.answerReads();
    await node.settle();
    expect(node.closed).toEqual([{ subscription: onB.subscription, reason: 'log-forgotten' }]);
    expect(onA.sink.positions).toEqual(range(6, 100));
    const again = await node.subscribe({ ...ofB, lastEventId: onB.sink.positions.at(-1)!, wishes });
    await node.settle();
    expect(named(again.sink, 'reset')).toMatchObject([{ reason: 'forgotten', lost: { from: 116, to: 180 } }]);
    expect(again.sink.positions).toEqual(range(181, 200));
  });

  test('do not end subscriptions that start with the first existing message when their first page arrives', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 100);
    await node.subscribe();
    await node.settle();
    node.store.holdPages();
    node.store.readTurns = 3;
    const { sink, subscription } = await node.subscribe(ofA);
    await keepLast(node, 20, 'a');
    const late = node.subscribe(ofA);
    node.store.answerReads();
    await late;
    await node.settle();
    expect(node.closed).toEqual([]);
    expect([sink.positions.at(-1), subscription.state.name]).toEqual([100, 'live']);
  });
});
