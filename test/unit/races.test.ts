import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newMessages, selectionOf } from '../support/fake-messages.ts';
import { FakeNode, noWishes } from '../support/fake-node.ts';
import { slowClock } from '../support/slow-clock.ts';

test('A reader that waits twice for the same page, because its socket was full in between, receives it once.', async () => {
  await using node = new FakeNode();
  node.store.pagePokes = 2;
  await node.append('a-1', 200);
  node.store.holdReads();
  const readers = [];
  for (let count = 0; count < 3; count++) readers.push(await node.subscribe({ lastEventId: 0 }));
  // All wait for the same page, which is read and delivered to one per turn.
  using _slow = slowClock(5);
  node.store.answerReads();
  const last = readers.at(-1)!;
  while (readers[0]!.sink.pokes.length === 0) await nextTurn();
  last.sink.stall();
  last.subscription.beat();
  last.sink.drain();
  await node.settle();
  expect(last.sink.positions).toEqual(Array.from({ length: 200 }, (_value, index) => index + 1));
});

test('A reader of a stream from a position receives nothing before it, even if the stream grows during the start.', async () => {
  await using node = new FakeNode();
  await node.subscribe();
  await node.append('a-1');
  await node.settle();
  node.store.holdAnnouncements();
  node.store.holdReads();
  const { sink } = await node.subscribe({ selection: selectionOf({ streams: ['a-1'] }), position: 3 });
  await node.append('a-1', 5);
  node.store.answerReads();
  await node.settle();
  node.store.resumeAnnouncements();
  await node.settle();
  expect(sink.pokes.map(({ position }) => position)).toEqual([3, 4, 5]);
});

test('A heartbeat names no cursor up to which frames are still unflushed.', async () => {
  await using node = new FakeNode();
  const { sink, subscription } = await node.subscribe({ wishes: { ...noWishes, heads: true } });
  await node.append('a-1');
  await node.settle();
  const { log } = await node.store.namespace('default');
  const appended = node.store.log(log).append('a-1', newMessages(1), undefined);
  // Announced at once, and not written in this turn.
  subscription.beat();
  await appended;
  await node.settle();
  const ids = sink.stream.events.map(({ type, lastEventId }) => [type, Number.parseInt(lastEventId, 10)]);
  expect(ids).toEqual([
    ['heartbeat', 0],
    ['poke', 1],
    ['heartbeat', 1],
    ['poke', 2],
  ]);
});

test('A subscriber that received a message elsewhere does not receive it again from the pending flush here.', async () => {
  await using node = new FakeNode();
  // After a slow flush the next one is delayed.
  using _slow = slowClock(5);
  const { sink: live } = await node.subscribe();
  await node.append('a-1');
  await node.settle();
  const { log } = await node.store.namespace('default');
  const appended = node.store.log(log).append('a-1', newMessages(1), undefined);
  const { sink } = await node.subscribe({ lastEventId: 2 });
  await appended;
  await node.settle();
  await node.append('a-1');
  await node.settle();
  expect([live.positions, sink.positions]).toEqual([[1, 2, 3], [3]]);
});
