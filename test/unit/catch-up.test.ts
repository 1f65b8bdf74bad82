import { describe, expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { readyFrame } from '../../src/sse/frame.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const ofA = { selection: selectionOf({ categories: ['a'] }) };
const everythingFromStart = { lastEventId: 0 };

describe('a subscription that catches up', () => {
  test('is told the log from its cursor to the head, then what happens', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 5);
    const { sink, subscription } = await node.subscribe({ ...ofA, lastEventId: 2 });
    await node.settle();
    const before = sink.positions;
    await node.append('a-1', 2);
    await node.settle();
    expect([before, sink.positions, subscription.state]).toEqual([[3, 4, 5], [3, 4, 5, 6, 7], 'live']);
  });

  test('is told a log of many pages', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 10_000);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 10_000));
  });

  test('is told frames that need several buffers a page', async () => {
    await using node = new FakeNode();
    const stream = `a-${'"'.repeat(1_000)}`;
    await node.append(stream, 600);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.pokes.map(({ stream, position }) => [stream, position])).toEqual(
      range(0, 599).map((position) => [stream, position]),
    );
  });

  test('becomes live when nothing at all was selected', async () => {
    await using node = new FakeNode();
    await node.append('b-1', 20_000);
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    expect([subscription.state, sink.positions]).toEqual(['live', []]);
  });

  test('is told short pages of a store just so', async () => {
    await using node = new FakeNode();
    node.store.pagePokes = 3;
    await node.append('a-1', 10);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 10));
  });

  test('is sent a beat that came due, though nothing of what it reads is for it', async () => {
    await using node = new FakeNode();
    // More than the store looks at for one page.
    await node.append('b-1', 10_000);
    node.store.holdReads();
    const group = { member: (new StreamName('b-1').owner(2) + 1) % 2, size: 2 };
    const { sink, subscription } = await node.subscribe({ selection: selectionOf({ categories: ['b'], group }) });
    subscription.beat();
    await node.settle();
    const whileSilent = sink.stream.comments;
    node.store.answerReads();
    await node.settle();
    expect([whileSilent, sink.stream.comments, subscription.state]).toEqual([[' ready'], [' ready', ''], 'live']);
    subscription.beat();
    expect(sink.stream.comments).toEqual([' ready', '', '']);
  });

  test('that is full at such a beat is told everything once', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 100);
    node.store.pagePokes = 10;
    node.store.holdReads();
    const { sink, subscription } = await node.subscribe(ofA);
    subscription.beat();
    sink.stall();
    node.store.answerReads();
    await node.settle();
    while (subscription.state !== 'live') {
      if (subscription.state === 'catching-up') subscription.beat();
      sink.drain(100);
      await node.settle();
    }
    expect(sink.positions).toEqual(range(1, 100));
  });

  test('stands in line once when its socket drains as soon as it is full, and is told nothing twice', async () => {
    await using node = new FakeNode();
    node.store.pagePokes = 1;
    await node.append('a-1', 20);
    const sink = new FakeSink(20);
    const { write } = sink;
    // The empty write behind the waiting one asks to be told when it is taken.
    sink.write = (bytes, taken) => {
      const answer = write.call(sink, bytes, taken);
      if (bytes.length === 0) queueMicrotask(() => sink.drain(115));
      return answer;
    };
    await node.subscribe(ofA, sink);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 20));
  });

  test('takes turns with others, so that none waits for the end of another', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3_000);
    const sinks = [];
    for (let count = 0; count < 40; count++) sinks.push((await node.subscribe(ofA)).sink);
    await node.settle();
    expect(sinks.map(({ positions }) => positions.length)).toEqual(Array(40).fill(3_000));
  });

  test('is one of at most 16 that read at once', async () => {
    await using node = new FakeNode();
    await node.append('a-1');
    node.store.holdReads();
    for (let count = 0; count < 40; count++) await node.subscribe(ofA);
    await node.settle();
    expect([node.store.readsUnderWay, node.hub.catchUp.waiting]).toEqual([16, 24]);
  });

  test('lets go of the page when its peer went while it was read', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 5);
    node.store.holdReads();
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    const before = node.leased;
    sink.hangUp();
    await node.settle();
    node.store.answerReads();
    await node.settle();
    expect([before, node.leased, sink.positions, node.hub.catchUp.pokes]).toEqual([5, 0, [], 0]);
  });

  test('counts what it read and told', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 5);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    const { reads, pokes, bytes } = node.hub.catchUp;
    expect({ reads, pokes, bytes }).toEqual({
      reads: 1,
      pokes: 5,
      bytes: sink.received.length - readyFrame.length,
    });
  });

  test('has both namespaces apart', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3, 'one');
    await node.append('a-1', 2, 'two');
    const sinks = [];
    for (const namespace of ['one', 'two', 'none']) {
      sinks.push((await node.subscribe({ namespace, ...everythingFromStart })).sink);
    }
    await node.settle();
    expect(sinks.map(({ positions }) => positions)).toEqual([[1, 2, 3], [1, 2], []]);
  });
});

describe('a log that was written before the hub watched', () => {
  async function written(node: FakeNode, count: number): Promise<void> {
    node.store.holdAnnouncements();
    await node.append('a-1', count);
    node.store.forget();
    node.store.resumeAnnouncements();
  }

  test('is told to its end, page by page', async () => {
    await using node = new FakeNode();
    await written(node, 2_000);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 2_000));
  });

  test('is followed by what happens', async () => {
    await using node = new FakeNode();
    await written(node, 3);
    const { sink } = await node.subscribe(ofA);
    const { sink: other } = await node.subscribe();
    await node.settle();
    await node.append('a-1', 2);
    await node.settle();
    expect([sink.positions, other.positions]).toEqual([range(1, 5), [4, 5]]);
  });

  test('does not put a subscription back that was full at a heartbeat', async () => {
    await using node = new FakeNode();
    await written(node, 3);
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    subscription.beat();
    sink.drain();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });
});

describe('a full socket', () => {
  test('stops the reading where it is', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 5_000);
    const { subscription } = await node.subscribe(ofA, new FakeSink(100));
    await node.settle();
    expect([subscription.state, node.store.reads]).toEqual(['lagging', 1]);
  });

  test('is told the rest when it drains, wherever in a page it was full', async () => {
    await using node = new FakeNode();
    await node.append(`a-${'x'.repeat(500)}`, 1_200);
    const { sink } = await node.subscribe(ofA, new FakeSink(0));
    for (let drains = 0; drains < 100; drains++) {
      sink.drain(10_007);
      await node.settle();
    }
    expect(sink.positions).toEqual(range(1, 1_200));
  });

  test('does not count as an episode of a live subscription', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 50);
    await node.subscribe(ofA, new FakeSink(100));
    await node.settle();
    expect(node.hub.laggingEpisodes).toBe(0);
  });
});

describe('a read that fails', () => {
  const failure = new Error('disk');

  test('ends the stream with an error event', async () => {
    await using node = new FakeNode();
    node.store.failure = failure;
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.body.toString()).toBe(
      ': ready\n\nevent: error\ndata:{"error":{"code":"BACKEND_ERROR","message":"The log cannot be read now; reconnect to resume."}}\n\n',
    );
  });

  test('closes with its reason and is told to the observer', async () => {
    await using node = new FakeNode();
    node.store.failure = failure;
    const { subscription } = await node.subscribe(ofA);
    await node.settle();
    expect([node.closed, node.failures]).toEqual([[{ subscription, reason: 'store-failed' }], [failure]]);
  });

  test('does not tell what failed to the subscriber', async () => {
    await using node = new FakeNode();
    node.store.failure = new Error('secret path');
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect(sink.received.toString()).not.toContain('secret');
  });

  test('comes after the pokes that were read before', async () => {
    await using node = new FakeNode();
    node.store.pagePokes = 2;
    await node.append('a-1', 4);
    const sink = new FakeSink(readyFrame.length + 1);
    await node.subscribe(ofA, sink);
    await node.settle();
    node.store.failure = failure;
    sink.drain();
    await node.settle();
    expect([sink.positions, sink.stream.events.at(-1)!.type]).toEqual([[1, 2], 'error']);
  });

  test('leaves subscriptions that are live alone', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    node.store.failure = failure;
    await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1');
    await node.settle();
    expect([sink.positions, node.hub.subscriptions.size]).toEqual([[1], 1]);
  });

  test('lets the next ones read', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    node.store.failure = failure;
    for (let count = 0; count < 20; count++) await node.subscribe(ofA);
    await node.settle();
    node.store.failure = undefined;
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    expect([node.failures.length, sink.positions]).toEqual([20, [1, 2, 3]]);
  });
});

describe('messages that are appended while the log is read', () => {
  test('are told once when the page is out of date by the time it comes', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    node.store.holdReads();
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1', 2);
    node.store.answerReads();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3, 4, 5]);
  });

  test('are told once by a store that is always slow', async () => {
    await using node = new FakeNode();
    node.store.readTurns = 3;
    node.store.pagePokes = 2;
    await node.append('a-1', 9);
    const { sink } = await node.subscribe(ofA);
    for (let count = 0; count < 10; count++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await node.append('a-1');
    }
    await node.settle();
    expect(sink.positions).toEqual(range(1, 19));
  });
});
