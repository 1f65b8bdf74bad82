import { describe, expect, test } from 'vitest';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };

/** A node with one live subscription to everything, whose store announces nothing by itself from now on. */
async function quietNode() {
  const node = new FakeNode();
  const { sink, subscription } = await node.subscribe();
  await node.settle();
  node.store.holdAnnouncements();
  return { node, sink, subscription };
}

describe('Messages that the store has forgotten before this node could read them', () => {
  test('end those who were to be told them, and nobody else', async () => {
    const { node, subscription } = await quietNode();
    await using _node = node;
    const ahead = await node.subscribe({ ...ofA, position: 100 });
    const elsewhere = await node.subscribe({ namespace: 'other' });
    await node.append('a-1', 20);
    node.store.lose();
    node.store.forgottenUpTo = 10;
    // A gap makes the node read the log, and the other one is left alone.
    await node.append('a-1');
    node.store.announce();
    await node.settle();
    expect(node.closed).toEqual([{ subscription, reason: 'log-forgotten' }]);
    expect([ahead.subscription.state.name, elsewhere.subscription.state.name]).toEqual(['catching-up', 'live']);
  });

  test('end those who catch up behind them', async () => {
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

  test('are what one who comes again behind that is told to have missed', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 200);
    await node.subscribe();
    await node.settle();
    node.store.forgottenUpTo = 10;
    await node.subscribe({ ...ofA, lastEventId: 5 });
    await node.settle();
    const wishes = { hello: true, heads: false, conflated: false, heartbeatMs: undefined };
    const { sink } = await node.subscribe({ ...ofA, lastEventId: 5, wishes });
    await node.settle();
    const reset = sink.stream.events.find(({ type }) => type === 'reset');
    expect(JSON.parse(reset!.data)).toMatchObject({ reason: 'forgotten', lost: { from: 6, to: 10 }, replayFrom: 11 });
    expect(sink.positions).toEqual(range(11, 200));
  });

  test('are never bridged by the last pokes that this node remembers', async () => {
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
