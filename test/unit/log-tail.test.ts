import { describe, expect, test } from 'vitest';
import type { Announcement } from '../../src/store/log.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };
const wakeUp: Announcement = 'wake-up';

/** A node with one live subscription to everything, whose store makes no announcements from now on. */
async function quietNode() {
  const node = new FakeNode();
  const { sink, subscription } = await node.subscribe();
  await node.settle();
  node.store.holdAnnouncements();
  return { node, sink, subscription, announce: await announcerOf(node) };
}

/** Makes announcements to followers of the default log that the store would not have made. */
async function announcerOf(node: FakeNode): Promise<(announcement: Announcement) => void> {
  const { log } = await node.store.namespace('default');
  const { followers } = node.storage.logs.get(log)!;
  return (announcement) => {
    node.store.resumeAnnouncements();
    for (const announced of followers) announced(announcement);
    node.store.holdAnnouncements();
  };
}

describe('An announcement', () => {
  test('that continues the head is used without a read of the store', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    const { reads } = node.store;
    await node.append('a-1', 3);
    node.store.announce();
    await node.settle();
    expect([sink.positions, node.store.reads - reads]).toEqual([[1, 2, 3], 0]);
  });

  test('that was lost is made up for by the next one', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    await node.append('a-1');
    node.store.lose();
    await node.settle();
    const before = sink.positions;
    await node.append('a-1');
    node.store.announce();
    await node.settle();
    expect([before, sink.positions]).toEqual([[], [1, 2]]);
  });

  test('that was lost is found by the next check, even if no other follows', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    await node.append('a-1', 2_000);
    node.store.lose();
    node.look();
    await node.settle();
    expect(sink.positions).toEqual(range(1, 2_000));
  });

  test('that is made twice is delivered once', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    for (let count = 0; count < 3; count++) await node.append('a-1');
    for (let count = 0; count < 3; count++) {
      node.store.announceTwice();
      node.store.announce(1);
    }
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('that arrives before earlier ones, and again after them, is delivered once', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    for (let count = 0; count < 4; count++) await node.append('a-1');
    node.store.announceLast();
    node.store.announceLast();
    await node.settle();
    node.store.announce();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3, 4]);
  });

  test('that begins before the head and ends after it is delivered from the head', async () => {
    const { node, sink, announce } = await quietNode();
    await using _node = node;
    await node.append('a-1', 2);
    node.store.announce();
    await node.append('a-1');
    node.store.lose();
    const { log } = await node.store.namespace('default');
    const page = await node.store.log(log).pokes(ofA.selection, 0, 10);
    announce({ epoch: log, after: 0, upTo: 3, pokes: page.pokes });
    page.release();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('that is empty causes a read of the log', async () => {
    const { node, sink, announce } = await quietNode();
    await using _node = node;
    await node.append('a-1', 3);
    node.store.lose();
    announce(wakeUp);
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('of another log causes a read of the log, and nothing of it is delivered', async () => {
    const { node, sink, announce } = await quietNode();
    await using _node = node;
    await node.append('a-1');
    node.store.lose();
    await node.append('b-1', 7, 'other');
    const other = (await node.store.namespace('other')).log;
    const page = await node.store.log(other).pokes(selectionOf({ categories: ['b'] }), 0, 10);
    announce({ epoch: newLogId(), after: 0, upTo: 7, pokes: page.pokes });
    page.release();
    await node.settle();
    expect(sink.pokes.map(({ stream, globalPosition }) => [stream, globalPosition])).toEqual([['a-1', 1]]);
  });

  test('without pokes moves the head if there are no messages in between', async () => {
    const { node, sink, subscription, announce } = await quietNode();
    await using _node = node;
    const { log } = await node.store.namespace('default');
    announce({ epoch: log, after: 0, upTo: 12, pokes: [] });
    await node.settle();
    expect([subscription.cursor, sink.positions]).toEqual([12, []]);
  });

  test('that arrives during a read of the log is delivered once', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    await node.append('a-1', 2);
    node.store.lose();
    node.store.holdReads();
    node.look();
    await node.settle();
    await node.append('a-1');
    node.store.announce();
    node.store.answerReads();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('that arrives before the node knows the start of the log delivers nothing twice', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    node.store.holdReads();
    const { sink } = await node.subscribe({ lastEventId: 0 });
    await node.append('a-1', 2);
    node.store.answerReads();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3, 4, 5]);
  });

  test('that arrives after the node has read further delivers nothing again', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    await node.append('a-1', 3);
    node.store.announce();
    await node.append('a-1', 2);
    node.look();
    await node.settle();
    node.store.resumeAnnouncements();
    await node.append('a-1');
    await node.settle();
    expect(sink.positions).toEqual(range(1, 6));
  });
});

describe('Announcements that lag behind reads', () => {
  test('are delivered to each subscriber from its own cursor', async () => {
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
    node.look();
    await node.settle();
    expect(sinks.map(({ positions }) => positions)).toEqual(Array(4).fill(range(1, 8)));
  });

  test('are delivered once to a subscriber whose socket was full in between', async () => {
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

  test('are encoded for no one once their subscriber has left', async () => {
    await using node = new FakeNode();
    node.store.holdAnnouncements();
    await node.append('a-1', 2);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    const { framesEncoded } = node.hub.batch.stats;
    sink.hangUp();
    await node.settle();
    await node.append('a-1', 2);
    node.store.announce();
    await node.settle();
    expect([sink.positions, node.hub.batch.stats.framesEncoded]).toEqual([[1, 2], framesEncoded]);
  });
});

describe('A log without subscribers', () => {
  const lingerMs = 5_000;

  test('is followed a while longer, then no more', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    sink.hangUp();
    await node.settle();
    const idleAtMs = performance.now();
    const states = [lingerMs - 1_000, lingerMs + 1].map((ms) => {
      node.look(idleAtMs + ms);
      return [node.store.followers, node.hub.logs];
    });
    expect(states).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  test('is followed again for the next one, which receives everything', async () => {
    await using node = new FakeNode();
    const { sink: first } = await node.subscribe();
    first.hangUp();
    await node.settle();
    node.look(performance.now() + lingerMs);
    await node.append('a-1', 3);
    const { sink, subscription } = await node.subscribe({ lastEventId: 1 });
    await node.append('a-1');
    await node.settle();
    expect([sink.positions, subscription.state.name, node.store.followers]).toEqual([[2, 3, 4], 'live', 1]);
  });

  test('is not checked for unannounced messages', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    sink.hangUp();
    await node.settle();
    const { reads } = node.store;
    node.look();
    await node.settle();
    expect(node.store.reads).toBe(reads);
  });

  test('stays followed while it has subscribers, however long', async () => {
    await using node = new FakeNode();
    await node.subscribe();
    await node.settle();
    node.look(performance.now() + 1_000 * lingerMs);
    expect(node.store.followers).toBe(1);
  });
});
