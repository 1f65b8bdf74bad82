import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };
const ofB = { selection: selectionOf({ categories: ['b'] }) };

/** A node following a log whose first messages (this many) lie before its window, so that they are read from the store. */
async function nodeBehind(count: number, stream = 'a-1'): Promise<FakeNode> {
  const node = new FakeNode();
  await node.append(stream, count);
  await node.append('z-1', 64);
  await node.subscribe({ selection: selectionOf({ streams: ['nobody-1'] }), lastEventId: count + 64 });
  await node.settle();
  return node;
}

describe('a subscription that catches up', () => {
  test('receives the log from its cursor to the head, then live pokes', async () => {
    await using node = await nodeBehind(500);
    const { sink, subscription } = await node.subscribe({ ...ofA, lastEventId: 2 });
    await node.settle();
    const before = sink.positions;
    await node.append('a-1', 2);
    await node.settle();
    expect([before, sink.positions.slice(498), subscription.state.name]).toEqual([range(3, 500), [565, 566], 'live']);
  });

  test('receives a log of many pages', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 10_000);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 10_000));
  });

  test('receives frames that need several buffers per page', async () => {
    const stream = `a-${'"'.repeat(1_000)}`;
    await using node = await nodeBehind(600, stream);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.pokes.map(({ stream, position }) => [stream, position])).toEqual(
      range(0, 599).map((position) => [stream, position]),
    );
  });

  test('becomes live even if nothing was selected', async () => {
    await using node = new FakeNode();
    await node.append('b-1', 20_000);
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    expect([subscription.state.name, sink.positions]).toEqual(['live', []]);
  });

  test('receives short pages of a store in the same way', async () => {
    await using node = await nodeBehind(50);
    node.store.pagePokes = 3;
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 50));
  });

  test('gets heartbeats, even if nothing it reads is selected', async () => {
    // More than the store examines for one page.
    await using node = await nodeBehind(10_000, 'b-1');
    const group = { member: (new StreamName('b-1').owner(2) + 1) % 2, size: 2 };
    node.store.holdReads();
    const { sink, subscription } = await node.subscribe({ selection: selectionOf({ categories: ['b'], group }) });
    subscription.beat();
    await node.settle();
    const meanwhile = [subscription.state.name, sink.stream.comments];
    node.store.answerReads();
    await node.settle();
    expect([meanwhile, subscription.state.name]).toEqual([['catching-up', [' ready', '']], 'live']);
  });

  test('whose socket is full at a heartbeat receives everything once', async () => {
    await using node = await nodeBehind(100);
    node.store.pagePokes = 10;
    node.store.holdReads();
    const { sink, subscription } = await node.subscribe(ofA);
    sink.stall();
    subscription.beat();
    const atBeat = subscription.state.name;
    node.store.answerReads();
    await node.settle();
    while (subscription.state.name !== 'live') {
      if (subscription.state.name === 'catching-up') subscription.beat();
      sink.drain(100);
      await node.settle();
    }
    expect([atBeat, sink.positions]).toEqual(['lagging', range(1, 100)]);
  });

  test('receives nothing twice when its socket drains immediately', async () => {
    await using node = await nodeBehind(100);
    node.store.pagePokes = 1;
    const sink = new FakeSink(20);
    const { write } = sink;
    // The empty write after the pending one requests notification when it is taken.
    sink.write = (bytes, taken) => {
      const answer = write.call(sink, bytes, taken);
      if (bytes.length === 0) queueMicrotask(() => sink.drain(98));
      return answer;
    };
    await node.subscribe(ofA, sink);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 100));
  });

  test('does not wait for the end of another one', async () => {
    await using node = await nodeBehind(3_000);
    node.store.pagePokes = 10;
    const long = await node.subscribe(ofA);
    await node.append('b-1', 100);
    const short = await node.subscribe(ofB);
    while (short.subscription.state.name !== 'live') await new Promise<void>((resolve) => setImmediate(resolve));
    expect([short.sink.positions.length, long.subscription.state.name]).toEqual([100, 'catching-up']);
    await node.settle();
    expect(long.sink.positions.length).toBe(3_000);
  });

  test('releases the page when its peer left during the read', async () => {
    await using node = await nodeBehind(5);
    node.store.holdReads();
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    const before = node.leased;
    sink.hangUp();
    await node.settle();
    node.store.answerReads();
    await node.settle();
    expect([before, node.leased, sink.positions, node.hub.catchUpStats.pokes]).toEqual([5, 0, [], 0]);
  });

  test('is read for although the subscription that first requested the page left during an outage', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await using node = await nodeBehind(5);
    node.store.failure = new Error('disk');
    const { sink: gone } = await node.subscribe(ofA);
    await node.settle();
    gone.destroy();
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    node.store.failure = undefined;
    vi.advanceTimersByTime(5_000);
    await node.settle();
    expect([gone.positions, sink.positions]).toEqual([[], range(1, 5)]);
  });

  test('is counted with what was read and delivered', async () => {
    await using node = await nodeBehind(5);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    const { reads, windowReads, pokes, bytes } = node.hub.catchUpStats;
    // The rest of the log, of which nothing is selected, is in the window.
    expect({ reads, windowReads, pokes, chunks: bytes }).toEqual({
      reads: 1,
      windowReads: 0,
      pokes: 5,
      chunks: sink.received.length - '009\r\n: ready\n\n\r\n00c\r\nretry: 1000\n\r\n'.length,
    });
  });

  test('keeps two namespaces apart', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3, 'one');
    await node.append('a-1', 2, 'two');
    const sinks = [];
    for (const namespace of ['one', 'two', 'none']) {
      sinks.push((await node.subscribe({ namespace, lastEventId: 0 })).sink);
    }
    await node.settle();
    expect(sinks.map(({ positions }) => positions)).toEqual([[1, 2, 3], [1, 2], []]);
  });
});

describe('a full socket', () => {
  test('stops reading at that point', async () => {
    await using node = await nodeBehind(5_000);
    const { reads } = node.store;
    const { subscription } = await node.subscribe(ofA, new FakeSink(100));
    await node.settle();
    expect([subscription.state.name, node.store.reads - reads]).toEqual(['lagging', 1]);
  });

  test('receives the rest when it drains, wherever in a page it was full', async () => {
    await using node = await nodeBehind(1_200, `a-${'x'.repeat(500)}`);
    const { sink } = await node.subscribe(ofA, new FakeSink(0));
    for (let drains = 0; drains < 100; drains++) {
      sink.drain(10_007);
      await node.settle();
    }
    expect(sink.positions).toEqual(range(1, 1_200));
  });

  test('does not count as an episode of a live subscription', async () => {
    await using node = await nodeBehind(50);
    await node.subscribe(ofA, new FakeSink(100));
    await node.settle();
    expect(node.hub.laggingEpisodes).toBe(0);
  });

  test('does not move a subscription back that was full at a heartbeat', async () => {
    await using node = await nodeBehind(3);
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    subscription.beat();
    sink.drain();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });
});

describe('messages that are appended while the log is read', () => {
  test('are delivered once if the page is outdated when it arrives', async () => {
    await using node = await nodeBehind(3);
    node.store.holdReads();
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1', 2);
    node.store.answerReads();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3, 68, 69]);
  });

  test('are delivered once by a store that is always slow', async () => {
    await using node = await nodeBehind(90);
    node.store.readTurns = 3;
    node.store.pagePokes = 7;
    const { sink } = await node.subscribe(ofA);
    for (let count = 0; count < 10; count++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await node.append('a-1');
    }
    await node.settle();
    expect(sink.positions).toEqual([...range(1, 90), ...range(155, 164)]);
  });

  test('faster than it can be read are delivered once, even if the window has moved on when a page arrives', async () => {
    await using node = new FakeNode();
    node.store.readTurns = 4;
    const { sink } = await node.subscribe({ ...ofA, lastEventId: 0 });
    const { sink: late } = await node.subscribe({ ...ofA, lastEventId: 0 });
    for (let count = 0; count < 30; count++) {
      await node.append('a-1', 40);
      if (count % 7 === 0) late.stall();
      else late.drain(3_000);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    late.drain();
    await node.settle();
    expect([sink.positions, late.positions]).toEqual([range(1, 1_200), range(1, 1_200)]);
  });
});
