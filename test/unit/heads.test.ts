import { describe, expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import type { LastMessage } from '../../src/store/message-store.ts';
import { positionIn } from '../support/cursors.ts';
import { everything, selectionOf } from '../support/fake-messages.ts';
import { type AskedFor, FakeNode, noWishes } from '../support/fake-node.ts';
import type { FakeSink } from '../support/fake-sink.ts';

const wishes = { ...noWishes, heads: true };
const ofA = { selection: selectionOf({ categories: ['a'] }), wishes };

/** Heartbeats with their heads and ids; of those without a head `comment`. */
function beatsOf(sink: FakeSink): unknown[] {
  const heads = sink.stream.events
    .filter(({ type }) => type === 'heartbeat')
    .map(({ data, lastEventId }) => {
      const { head, epoch } = JSON.parse(data);
      return [head, positionIn(lastEventId, epoch)];
    });
  return [...heads, ...sink.stream.comments.filter((comment) => comment === '').map(() => 'comment')];
}

async function subscribeTo(node: FakeNode, parts: AskedFor) {
  const listening = await node.subscribe({ wishes, ...parts });
  await node.settle();
  return {
    ...listening,
    async beat() {
      listening.subscription.beat();
      await node.settle();
      return beatsOf(listening.sink).at(-1);
    },
  };
}

describe('a heartbeat that tells the head', () => {
  test('names the last message that is selected, and up to where everything was told', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    await node.append('b-1', 4);
    const { sink, beat } = await subscribeTo(node, ofA);
    const first = await beat();
    await node.append('a-2', 2);
    await node.append('b-1');
    await node.settle();
    expect([first, await beat(), sink.positions.at(-1)]).toEqual([[3, 7], [9, 10], 9]);
  });

  test('names the epoch of the log', async () => {
    await using node = new FakeNode();
    const { sink, beat } = await subscribeTo(node, ofA);
    await beat();
    const { epoch } = await node.store.extent('default');
    expect(JSON.parse(sink.stream.events[0]!.data)).toEqual({ epoch, head: 0 });
  });

  test('follows every poke up to the head that it names', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await subscribeTo(node, { selection: everything });
    await node.append('a-1', 5);
    // Nothing was written yet: the pokes of this turn are gathered.
    const before = sink.positions.length;
    subscription.beat();
    await node.settle();
    const types = sink.stream.events.map(({ type }) => type);
    expect([before, types, beatsOf(sink)]).toEqual([
      0,
      ['poke', 'poke', 'poke', 'poke', 'poke', 'heartbeat'],
      [[5, 5]],
    ]);
  });

  test('is a comment while the store has not announced the head', async () => {
    await using node = new FakeNode();
    const { beat, sink } = await subscribeTo(node, ofA);
    node.store.holdAnnouncements();
    await node.append('a-1');
    const held = await beat();
    node.store.resumeAnnouncements();
    await node.settle();
    expect([held, await beat(), sink.positions]).toEqual(['comment', 'comment', [1]]);
    expect(beatsOf(sink)).toEqual([[1, 1], 'comment']);
  });

  test('is a comment when the log cannot be read, or is being read since the last one', async () => {
    await using node = new FakeNode();
    const { subscription, sink } = await subscribeTo(node, ofA);
    const { lastOf } = node.store;
    node.store.lastOf = () => Promise.reject(new Error('disk'));
    subscription.beat();
    await node.settle();
    const gate = Promise.withResolvers<LastMessage>();
    node.store.lastOf = () => gate.promise;
    subscription.beat();
    subscription.beat();
    await node.settle();
    const comments = beatsOf(sink);
    gate.resolve({ epoch: (await node.store.extent('default')).epoch, globalPosition: 0 });
    await node.settle();
    node.store.lastOf = lastOf;
    expect([comments, beatsOf(sink)]).toEqual([
      ['comment', 'comment'],
      [[0, 0], 'comment', 'comment'],
    ]);
  });

  test('has no id while the log has not come to the position asked for: it would be taken for one of another log', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { beat, sink } = await subscribeTo(node, { ...ofA, position: 10 });
    const beats = [await beat()];
    for (const count of [5, 1, 1]) {
      await node.append('a-1', count);
      beats.push(await beat());
    }
    expect([beats, sink.positions]).toEqual([
      [
        [3, undefined],
        [8, undefined],
        [9, 9],
        [10, 10],
      ],
      [10],
    ]);
  });

  test('has no id while a stream has not come to the position asked for', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { beat } = await subscribeTo(node, { wishes, selection: selectionOf({ streams: ['a-1'] }), position: 9 });
    expect(await beat()).toEqual([0, undefined]);
  });

  test('names what the member of a group owns', async () => {
    await using node = new FakeNode();
    const size = 3;
    const last = new Map<number, number>();
    for (let n = 0; n < 30; n++) last.set(new StreamName(`a-${n}`).owner(size), await node.append(`a-${n}`));
    const heads = [];
    for (let member = 0; member < size; member++) {
      const selection = selectionOf({ categories: ['a'], group: { member, size } });
      const { beat } = await subscribeTo(node, { selection });
      heads.push(await beat(), await beat());
    }
    expect(heads).toEqual(
      [0, 1, 2].flatMap((member) => [
        [last.get(member), 30],
        [last.get(member), 30],
      ]),
    );
  });

  test('searches for a member of a group only what was not searched before', async () => {
    await using node = new FakeNode();
    const size = 3;
    const member = new StreamName('a-1').owner(size);
    const selection = selectionOf({ categories: ['a'], group: { member, size } });
    await node.append('a-1');
    for (let n = 0; n < 30; n++) if (new StreamName(`a-${n}`).owner(size) !== member) await node.append(`a-${n}`);
    const { head } = await node.store.extent('default');
    const behind: number[] = [];
    const { lastOf } = node.store;
    node.store.lastOf = (namespace, selected, after) => {
      behind.push(after);
      return lastOf.call(node.store, namespace, selected, after);
    };
    const { beat } = await subscribeTo(node, { selection });
    const beats = [await beat(), await beat()];
    await node.append('b-1');
    await node.settle();
    beats.push(await beat());
    const last = await node.append('a-1');
    await node.settle();
    beats.push(await beat(), await beat());
    expect(beats).toEqual([
      [1, head],
      [1, head],
      [1, head + 1],
      [last, last],
      [last, last],
    ]);
    expect(behind).toEqual([0, head, head, head + 1, last]);
  });

  test('searches all of it for a member that waits for a position ahead of the log', async () => {
    await using node = new FakeNode();
    const selection = selectionOf({ categories: ['a'], group: { member: new StreamName('a-1').owner(3), size: 3 } });
    await node.append('a-1', 3);
    const { beat } = await subscribeTo(node, { selection, position: 10 });
    const beats = [await beat()];
    await node.append('a-1', 2);
    await node.settle();
    beats.push(await beat());
    expect(beats).toEqual([
      [3, undefined],
      [5, undefined],
    ]);
  });

  test('makes a subscription lag whose socket is full, which resumes where it was', async () => {
    await using node = new FakeNode();
    const { subscription, sink } = await subscribeTo(node, ofA);
    sink.stall();
    subscription.beat();
    await node.settle();
    const { state } = subscription;
    await node.append('a-1', 2);
    sink.drain();
    await node.settle();
    expect([state, sink.positions]).toEqual(['lagging', [1, 2]]);
  });
});
