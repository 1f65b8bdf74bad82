import { describe, expect, test } from 'vitest';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };

describe('announcements that lag behind reads', () => {
  test('are not told again', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    await node.append('a-1', 4);
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    node.store.announce();
    await node.settle();
    expect([sink.positions, subscription.state]).toEqual([[1, 2, 3, 4], 'live']);
  });

  test('are told from the cursor on', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    await node.append('a-1', 2);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1', 2);
    node.store.announce();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3, 4]);
  });

  test('are told to each from its own cursor on', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    const sinks = [];
    for (let count = 0; count < 4; count++) {
      await node.append('a-1', 2);
      sinks.push((await node.subscribe(ofA)).sink);
      await node.settle();
    }
    for (let count = 0; count < 8; count++) {
      node.store.announce(1);
      await node.settle();
    }
    expect(sinks.map(({ positions }) => positions)).toEqual(Array(4).fill(range(1, 8)));
  });

  test('are not told again to one who joins others that hear them', async () => {
    await using node = new FakeNode();
    const { sink: early } = await node.subscribe(ofA);
    await node.settle();
    node.store.holdAnnouncements();
    await node.append('a-1', 2);
    const { sink: late } = await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1', 2);
    node.store.announce();
    await node.settle();
    expect([early.positions, late.positions]).toEqual([range(1, 4), range(1, 4)]);
  });

  test('are not told again where the log has gaps', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    await node.append('a-1', 3);
    await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1', 2);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    node.store.announce(3);
    node.store.forget(1);
    node.store.announce();
    await node.append('a-1');
    node.store.announce();
    await node.settle();
    expect(sink.positions).toEqual(range(1, 6));
  });

  test('are told once to one who was full in between', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    await node.append('a-1', 3);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    node.store.announce(1);
    sink.stall();
    await node.append('a-1', 2);
    node.store.announce();
    await node.settle();
    sink.drain();
    await node.settle();
    await node.append('a-1');
    node.store.resumeAnnouncements();
    await node.settle();
    expect(sink.positions).toEqual(range(1, 6));
  });

  test('are not told to one who left while it was ahead of them', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    await node.append('a-1', 2);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    sink.hangUp();
    await node.settle();
    await node.append('a-1', 2);
    node.store.announce();
    await node.settle();
    expect([sink.positions, node.hub.turn.stats.framesEncoded]).toEqual([[1, 2], 0]);
  });
});
