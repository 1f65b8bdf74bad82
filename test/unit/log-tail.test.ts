import { describe, expect, test } from 'vitest';
import type { Announcement } from '../../src/store/log.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };
const wakeUp: Announcement = 'wake-up';

/** A node with one live subscription to everything, whose store announces nothing by itself from now on. */
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
  test('that continues the head is taken without a read of the store', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    const { reads } = node.store;
    await node.append('a-1', 3);
    node.store.announce();
    await node.settle();
    expect([sink.positions, node.store.reads - reads]).toEqual([[1, 2, 3], 0]);
  });

  test('that was lost is made good by the next one', async () => {
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

  test('that was lost is found by the next look, also when nothing comes behind it', async () => {
    const { node, sink } = await quietNode();
    await using _node = node;
    await node.append('a-1', 2_000);
    node.store.lose();
    node.look();
    await node.settle();
    expect(sink.positions).toEqual(range(1, 2_000));
  });

  test('that is made twice is told once', async () => {
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

  test('that comes before earlier ones, and again behind them, is told once', async () => {
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

  test('that begins before the head and ends behind it is told from the head on', async () => {
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

  test('that says nothing has the log read on', async () => {
    const { node, sink, announce } = await quietNode();
    await using _node = node;
    await node.append('a-1', 3);
    node.store.lose();
    announce(wakeUp);
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('of another log has the log read on, and nothing of it is told', async () => {
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

  test('without pokes moves the head on where nothing lies in between', async () => {
    const { node, sink, subscription, announce } = await quietNode();
    await using _node = node;
    const { log } = await node.store.namespace('default');
    announce({ epoch: log, after: 0, upTo: 12, pokes: [] });
    await node.settle();
    expect([subscription.cursor, sink.positions]).toEqual([12, []]);
  });

  test('that comes while the log is read on is told once', async () => {
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

  test('that comes before the node knows where the log is tells nobody anything twice', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    node.store.holdReads();
    const { sink } = await node.subscribe({ lastEventId: 0 });
    await node.append('a-1', 2);
    node.store.answerReads();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3, 4, 5]);
  });

  test('that comes when the node has read on already tells nothing again', async () => {
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
    node.look();
    await node.settle();
    expect(sinks.map(({ positions }) => positions)).toEqual(Array(4).fill(range(1, 8)));
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

  test('are encoded for nobody when the one who was told them has left', async () => {
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

describe('A log that nobody subscribes to', () => {
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

  test('is followed again for the next one, who is told everything', async () => {
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

  test('is not looked at for what was not announced', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    sink.hangUp();
    await node.settle();
    const { reads } = node.store;
    node.look();
    await node.settle();
    expect(node.store.reads).toBe(reads);
  });

  test('stays followed while somebody subscribes to it, however long', async () => {
    await using node = new FakeNode();
    await node.subscribe();
    await node.settle();
    node.look(performance.now() + 1_000 * lingerMs);
    expect(node.store.followers).toBe(1);
  });
});
