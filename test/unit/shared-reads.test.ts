import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CatchUp, CatchUpStats } from '../../src/hub/catch-up.ts';
import { leastWindowPokes, maxWindowPokes, windowPokesFor } from '../../src/hub/poke-window.ts';
import { ReadSlots } from '../../src/hub/read-slots.ts';
import type { Subscription } from '../../src/hub/subscription.ts';
import { BufferPool } from '../../src/pool/buffer-pool.ts';
import { DirectFrameEncoder } from '../../src/sse/frame.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';
import { messageAt } from '../support/imported-messages.ts';
import { LoneSubscriptions } from '../support/lone-subscription.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };

/** A node that follows a log, so that earlier messages are read only for new subscribers. */
async function following(count: number, windowPokes = 64): Promise<FakeNode> {
  const node = new FakeNode({ windowPokes });
  await node.append('a-1', count);
  await node.subscribe({ selection: selectionOf({ streams: ['nobody-1'] }), lastEventId: count });
  await node.settle();
  return node;
}

describe('Subscribers at the same cursor', () => {
  test('with the same selection share each page of the store', async () => {
    await using node = await following(2_000);
    node.store.holdReads();
    const { reads } = node.store;
    const sinks = [];
    for (let count = 0; count < 20; count++) sinks.push((await node.subscribe({ ...ofA, lastEventId: 3 })).sink);
    node.store.answerReads();
    await node.settle();
    // 768 pokes per page.
    expect(node.store.reads - reads).toBe(3);
    expect(sinks.map(({ positions }) => positions)).toEqual(Array(20).fill(range(4, 2_000)));
  });

  test('are served even if one of them stalls, leaves, or has received a part already', async () => {
    await using node = await following(2_000);
    node.store.holdReads();
    const listening = [];
    for (let count = 0; count < 4; count++) listening.push(await node.subscribe({ ...ofA, lastEventId: 0 }));
    const [stalled, gone, ...others] = listening.map(({ sink }) => sink);
    stalled!.stall();
    gone!.hangUp();
    node.store.answerReads();
    await node.settle();
    const before = stalled!.positions;
    stalled!.drain();
    await node.settle();
    expect([before, stalled!.positions, gone!.positions]).toEqual([[], range(1, 2_000), []]);
    for (const { positions } of others) expect(positions).toEqual(range(1, 2_000));
  });

  test('with other selections have their own pages', async () => {
    await using node = await following(200);
    const { reads } = node.store;
    const { sink } = await node.subscribe({ ...ofA, lastEventId: 1 });
    const { sink: other } = await node.subscribe({ selection: selectionOf({ streams: ['a-1'] }), lastEventId: 1 });
    await node.settle();
    expect([sink.positions, other.positions, node.store.reads - reads]).toEqual([range(2, 200), range(2, 200), 2]);
  });
});

describe('The window of the last pokes', () => {
  test('serves subscribers after a short absence without any read of the store', async () => {
    await using node = await following(3_000, 1_024);
    const { reads, boundsReads } = node.store;
    const sinks = [];
    for (let n = 0; n < 40; n++) sinks.push((await node.subscribe({ ...ofA, lastEventId: 2_000 + n * 20 })).sink);
    await node.settle();
    expect(sinks.map(({ positions }) => positions)).toEqual(sinks.map((_sink, n) => range(2_001 + n * 20, 3_000)));
    expect([node.store.reads - reads, node.store.boundsReads - boundsReads]).toEqual([0, 0]);
  });

  test('reaches back no further than configured', async () => {
    await using node = await following(3_000, 1_024);
    const { reads } = node.store;
    const within = await node.subscribe({ ...ofA, lastEventId: 3_000 - 1_024 });
    await node.settle();
    const readsWithin = node.store.reads - reads;
    const beyond = await node.subscribe({ ...ofA, lastEventId: 3_000 - 1_025 });
    await node.settle();
    expect([readsWithin, node.store.reads - reads]).toEqual([0, 1]);
    expect([within.sink.positions.length, beyond.sink.positions.length]).toEqual([1_024, 1_025]);
  });

  test('grows with the log', async () => {
    await using node = await following(10);
    for (let count = 0; count < 50; count++) await node.append('a-1', 40);
    await node.settle();
    const { reads } = node.store;
    const { sink } = await node.subscribe({ ...ofA, lastEventId: 2_010 - 64 });
    await node.settle();
    expect([sink.positions, node.store.reads - reads]).toEqual([range(2_010 - 63, 2_010), 0]);
  });

  test('is smaller while many logs are followed, so that the total is bounded', () => {
    expect([1, 64, 128, 1_024, 1_000_000].map((logs) => windowPokesFor(logs, 16_384))).toEqual([
      16_384,
      16_384,
      8_192,
      1_024,
      leastWindowPokes,
    ]);
    expect(windowPokesFor(0, 10_000_000)).toBe(maxWindowPokes);
  });
});

test('A page that no subscription waits for any more is delivered to one that requests it at that moment.', async () => {
  const lone = new LoneSubscriptions();
  const again = Promise.withResolvers<void>();
  let isFailing = true;
  const delivered: Subscription[] = [];
  const catchUp = new CatchUp({
    log: {},
    slots: new ReadSlots(),
    buffers: new BufferPool({ min: 0, max: 0 }),
    encoder: new DirectFrameEncoder(),
    stats: new CatchUpStats(),
    tag: '',
    readWindow: () => undefined,
    readStore: async () => {
      if (isFailing) throw new Error('disk');
      return {
        pokes: [],
        epoch: newLogId(),
        upTo: 9,
        atEnd: true,
        forgottenUpTo: 0,
        importsBelowHead: 0,
        release() {},
      };
    },
    roundStreams: () => 1,
    goOn: (subscription) => delivered.push(subscription),
    failed: () => again.promise,
  });
  const [gone, late] = [lone.in('catching-up'), lone.in('catching-up')];
  catchUp.enqueue(gone);
  await nextTurn();
  gone.end('draining');
  isFailing = false;
  again.promise.then(() => catchUp.enqueue(late));
  again.resolve();
  await nextTurn();
  expect([delivered, late.cursor]).toEqual([[late], 9]);
});

test('Messages that an import puts at or below the head are read by later catch-ups, even with a window.', async () => {
  await using node = new FakeNode();
  await node.subscribe();
  await node.append('a-1', 10);
  await node.settle();
  const { log } = await node.store.namespace('default');
  const handle = node.store.log(log);
  const session = await handle.beginImport();
  await session.add([messageAt('a-1/40@40')]);
  await session.add([messageAt('a-2/0@30')]);
  await node.settle();
  const { sink } = await node.subscribe({ selection: selectionOf({ categories: ['a'] }) });
  await node.settle();
  expect(sink.positions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 40]);
});
