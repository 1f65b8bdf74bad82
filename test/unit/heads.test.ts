import { describe, expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import { everything, newMessages, selectionOf } from '../support/fake-messages.ts';
import { type Asked, FakeNode, noWishes } from '../support/fake-node.ts';
import type { FakeSink } from '../support/fake-sink.ts';
import { messageAt } from '../support/imported-messages.ts';

const wishes = { ...noWishes, heads: true };
const ofA = { selection: selectionOf({ categories: ['a'] }), wishes };

/** Heartbeats with heads and cursors, in order; `comment` for those without a head. */
function beatsOf(sink: FakeSink): unknown[] {
  const heads = sink.stream.events
    .filter(({ type }) => type === 'heartbeat')
    .map(({ data, lastEventId }) => [JSON.parse(data).head, lastEventId.split('-')[0]]);
  return [...heads, ...sink.stream.comments.filter((comment) => comment === '').map(() => 'comment')];
}

async function subscribeTo(node: FakeNode, parts: Asked) {
  const listening = await node.subscribe({ wishes, ...parts });
  await node.settle();
  return {
    ...listening,
    async beat() {
      const before = beatsOf(listening.sink).length;
      listening.subscription.beat();
      await node.settle();
      const beats = beatsOf(listening.sink);
      const comments = listening.sink.stream.comments.filter((comment) => comment === '').length;
      return beats.length > before && comments < beats.length ? beats.at(-1 - comments) : 'comment';
    },
  };
}

/** Counts searches for the last message of a selection, which fail while there is a `failure`. */
function watchSearches(node: FakeNode): { count: number; failure: Error | undefined } {
  const searches = { count: 0, failure: undefined as Error | undefined };
  const { log } = node.store;
  node.store.log = (id) => {
    const found = log.call(node.store, id);
    return Object.assign(Object.create(found), {
      last: (...args: Parameters<typeof found.last>) => {
        searches.count++;
        return searches.failure === undefined ? found.last(...args) : Promise.reject(searches.failure);
      },
    });
  };
  return searches;
}

describe('A heartbeat with the head', () => {
  test('names the last delivered message, and the position up to which everything was delivered', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    await node.append('b-1', 4);
    const { sink, beat } = await subscribeTo(node, ofA);
    const first = await beat();
    await node.append('a-2', 2);
    await node.append('b-1');
    await node.settle();
    expect([first, await beat(), sink.positions.at(-1)]).toEqual([[3, '7'], [9, '10'], 9]);
  });

  test('names the epoch of the log, and the log in its id', async () => {
    await using node = new FakeNode();
    await node.append('a-1');
    const { sink, beat } = await subscribeTo(node, ofA);
    await beat();
    const { log } = await node.store.namespace('default');
    const event = sink.stream.events.at(-1)!;
    expect([JSON.parse(event.data), event.lastEventId]).toEqual([{ epoch: log, head: 1, count: 1 }, `1-${tagOf(log)}`]);
  });

  test('counts the pokes of each connection, those it caught up with and those it was sent live', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const early = await subscribeTo(node, ofA);
    await node.append('a-2', 2);
    await node.append('b-1');
    await node.settle();
    const late = await subscribeTo(node, { ...ofA, lastEventId: 4 });
    await early.beat();
    await late.beat();
    const counts = [early, late].map(({ sink }) => JSON.parse(sink.stream.events.at(-1)!.data).count);
    expect(counts).toEqual([5, 1]);
  });

  test('names no poke that is still collected', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await subscribeTo(node, { selection: everything });
    await node.append('a-1', 2);
    await node.settle();
    const { log } = await node.store.namespace('default');
    const appended = node.store.log(log).append('a-1', newMessages(3), undefined);
    // Announced at once, and not written in this turn.
    subscription.beat();
    const before = sink.positions;
    await appended;
    await node.settle();
    const beats = beatsOf(sink);
    expect([before, beats.at(-1), beats.length, sink.positions]).toEqual([[1, 2], [2, '2'], 2, [1, 2, 3, 4, 5]]);
  });

  test('does not name messages that the store has not announced', async () => {
    await using node = new FakeNode();
    await node.append('a-1');
    const { beat, sink } = await subscribeTo(node, ofA);
    node.store.holdAnnouncements();
    await node.append('a-1');
    const held = await beat();
    node.store.resumeAnnouncements();
    await node.settle();
    expect([held, await beat(), sink.positions]).toEqual([
      [1, '1'],
      [2, '2'],
      [1, 2],
    ]);
  });

  test('is sent at every interval of a busy category', async () => {
    await using node = new FakeNode();
    await node.append('a-1');
    const { beat } = await subscribeTo(node, ofA);
    const beats = [];
    for (let n = 0; n < 50; n++) {
      await node.append('a-1');
      beats.push(await beat());
    }
    // Messages appended before the heartbeat are flushed before it, or after it if the flush is delayed.
    for (const [n, told] of beats.entries())
      expect([n + 1, n + 2].map((head) => [head, `${head}`])).toContainEqual(told);
  });

  test('names the last earlier message of the log on connections without deliveries', async () => {
    await using node = new FakeNode();
    const last = await node.append('a-1', 3);
    const head = await node.append('b-1', 4);
    const { beat } = await subscribeTo(node, { ...ofA, lastEventId: head });
    expect(await beat()).toEqual([last, `${head}`]);
  });

  test.each([
    ['and was delivered some', 0, [[3, '7']], 3],
    ['and was delivered nothing', 7, [[3, '7']], 0],
    ['of a log that holds nothing of it', 3, [[0, '7']], 0],
  ])('comes at once to one that has caught up %s', async (_, lastEventId, beats, pokes) => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    await node.append('b-1', 4);
    const selection = selectionOf({ categories: [lastEventId === 3 ? 'c' : 'a'] });
    const { sink } = await subscribeTo(node, { selection, lastEventId });
    expect([beatsOf(sink), sink.pokes.length]).toEqual([beats, pokes]);
  });

  test('is not sent at once to a subscriber that did not ask for heads', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { sink } = await node.subscribe({ ...ofA, wishes: noWishes });
    await subscribeTo(node, ofA);
    expect([beatsOf(sink), sink.pokes.length]).toEqual([[], 3]);
  });

  test('costs one search of the log per group, however many members and heartbeats there are', async () => {
    await using node = new FakeNode();
    const searches = watchSearches(node);
    const head = await node.append('a-1', 3);
    const members = [];
    for (let n = 0; n < 100; n++) members.push(await node.subscribe({ ...ofA, lastEventId: head }));
    await node.settle();
    for (let beat = 0; beat < 3; beat++) {
      for (const { subscription } of members) subscription.beat();
      await node.settle();
    }
    expect(searches.count).toBe(1);
    expect(new Set(members.map(({ sink }) => JSON.stringify(beatsOf(sink))))).toEqual(
      new Set([JSON.stringify(Array(4).fill([3, '3']))]),
    );
  });

  test('costs no search once a poke was delivered to the group', async () => {
    await using node = new FakeNode();
    const searches = watchSearches(node);
    const { beat } = await subscribeTo(node, ofA);
    await node.append('a-1');
    await node.settle();
    const before = searches.count;
    const late = await subscribeTo(node, { ...ofA, lastEventId: 1 });
    expect([await beat(), await late.beat(), searches.count - before]).toEqual([[1, '1'], [1, '1'], 0]);
  });

  test('is the same frame for all subscribers with the same deliveries', async () => {
    await using node = new FakeNode();
    const frames: Uint8Array[] = [];
    const listening = [];
    for (let n = 0; n < 3; n++) listening.push(await node.subscribe(ofA));
    await node.append('a-1');
    await node.settle();
    for (const { sink, subscription } of listening) {
      const { write } = sink;
      sink.write = (bytes, taken) => {
        if (bytes.length > 0) frames.push(bytes);
        return write.call(sink, bytes, taken);
      };
      subscription.beat();
    }
    expect([frames.length, new Set(frames).size]).toEqual([3, 1]);
  });

  test('names the old head to a live member when an import puts messages at or below it', async () => {
    await using node = new FakeNode();
    const { log } = await node.store.namespace('default');
    const importInto = async (place: string) => {
      const session = await node.store.log(log).beginImport();
      await session.add([messageAt(place)]);
      await session.commit();
    };
    await importInto('a-1/0@10');
    const { beat, sink } = await subscribeTo(node, { selection: everything, wishes, lastEventId: 0 });
    await importInto('a-2/0@5');
    await importInto('b-1/0@9');
    expect([await beat(), sink.positions]).toEqual([[10, '10'], [10]]);
  });

  test('is a comment while the log cannot be searched, and the search is repeated at the next one', async () => {
    await using node = new FakeNode();
    const searches = watchSearches(node);
    const head = await node.append('a-1', 3);
    searches.failure = new Error('disk');
    const { beat, sink } = await subscribeTo(node, { ...ofA, lastEventId: head });
    const failed = [beatsOf(sink), await beat(), await beat()];
    searches.failure = undefined;
    await beat();
    // The heartbeat that repeats the search is a comment, and the answer follows it.
    expect([failed, beatsOf(sink)]).toEqual([
      [[], 'comment', 'comment'],
      [[3, '3'], 'comment', 'comment', 'comment'],
    ]);
  });

  test('is a comment while the subscription catches up, or waits for the requested position', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { beat, sink, subscription } = await subscribeTo(node, { ...ofA, position: 10 });
    const waiting = [await beat(), subscription.state.name];
    for (const count of [5, 1, 1]) await node.append('a-1', count);
    await node.settle();
    expect([waiting, await beat(), sink.positions]).toEqual([['comment', 'catching-up'], [10, '10'], [10]]);
  });

  test('has no id while a stream has not reached the requested position', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { beat } = await subscribeTo(node, { wishes, selection: selectionOf({ streams: ['a-1'] }), position: 9 });
    expect([await beat(), await beat()]).toEqual([
      [0, ''],
      [0, ''],
    ]);
  });

  test('covers the streams that a consumer group member owns', async () => {
    await using node = new FakeNode();
    const size = 3;
    const last = new Map<number, number>();
    for (let n = 0; n < 30; n++) last.set(new StreamName(`a-${n}`).owner(size), await node.append(`a-${n}`));
    const heads = [];
    for (let member = 0; member < size; member++) {
      const selection = selectionOf({ categories: ['a'], group: { member, size } });
      const { beat } = await subscribeTo(node, { selection });
      heads.push(await beat());
    }
    expect(heads).toEqual([0, 1, 2].map((member) => [last.get(member), '30']));
  });

  test('makes a subscription lag whose socket is full, which resumes where it was', async () => {
    await using node = new FakeNode();
    const { subscription, sink } = await subscribeTo(node, ofA);
    sink.stall();
    subscription.beat();
    await node.settle();
    const { name } = subscription.state;
    await node.append('a-1', 2);
    sink.drain();
    await node.settle();
    expect([name, sink.positions]).toEqual(['lagging', [1, 2]]);
  });
});
