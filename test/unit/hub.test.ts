import { describe, expect, test } from 'vitest';
import type { Subscription } from '../../src/hub/subscription.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import { PlainFrameEncoder } from '../../src/sse/frame.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';

/** When it became lagging, in whole milliseconds, because adding a fraction and a time-out is inexact. */
function sinceMs({ state }: Subscription): number {
  if (state.name !== 'lagging') throw new Error(`it is ${state.name}`);
  return Math.ceil(state.sinceMs);
}

const reasonOf = ({ state }: Subscription) => (state.name === 'closed' ? state.reason : undefined);

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);
const category = (name: string) => ({ selection: selectionOf({ categories: [name] }) });

describe('a live subscription', () => {
  test('gets its greeting and each poke, byte for byte', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    await node.append('account-1', 2);
    await node.settle();
    const { log } = await node.store.namespace('default');
    const tag = tagOf(log);
    expect(sink.received.toString()).toBe(
      '009\r\n: ready\n\n\r\n00c\r\nretry: 1000\n\r\n' +
        `05d\r\nevent: poke\ndata: {"stream":"account-1","position":0,"globalPosition":1}\nid: 1-${tag}\n\n\r\n` +
        `05d\r\nevent: poke\ndata: {"stream":"account-1","position":1,"globalPosition":2}\nid: 2-${tag}\n\n\r\n`,
    );
  });

  test('gets the pokes of one append in one write', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    const before = sink.writes;
    await node.append('a-1', 6);
    await node.settle();
    expect([sink.writes - before, sink.positions]).toEqual([1, range(1, 6)]);
  });

  test('gets more pokes of one turn than any buffer holds', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    await node.append('account-1', 5_000);
    await node.settle();
    expect(sink.positions).toEqual(range(1, 5_000));
  });

  test('gets the messages that its selection matches, and no others', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe({ selection: selectionOf({ streams: ['a-1', 'b-2'], categories: ['c'] }) });
    await node.settle();
    for (const stream of ['a-1', 'a-2', 'b-2', 'c-1', 'b-1', 'c', 'cc-1', 'a-1']) await node.append(stream);
    await node.settle();
    expect(sink.positions).toEqual([1, 3, 4, 6, 8]);
  });

  test('gets nothing of another namespace', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe({ namespace: 'one' });
    await node.settle();
    await node.append('a-1', 3, 'other');
    await node.append('a-1', 1, 'one');
    await node.settle();
    expect(sink.pokes).toMatchObject([{ stream: 'a-1', position: 0, globalPosition: 1 }]);
  });

  test('of a stream below its requested position starts at that position', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe({ selection: selectionOf({ streams: ['a-1'] }), position: 2 });
    await node.settle();
    for (let count = 0; count < 4; count++) await node.append('a-1');
    await node.settle();
    expect(sink.pokes.map(({ position }) => position)).toEqual([2, 3]);
  });

  test('of a category below its requested global position starts at that position', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe({ ...category('a'), position: 3 });
    await node.settle();
    for (let count = 0; count < 5; count++) await node.append('a-1');
    await node.settle();
    expect(sink.positions).toEqual([3, 4, 5]);
  });

  test('of everything below its requested global position starts at that position', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe({ position: 3 });
    await node.settle();
    for (let count = 0; count < 5; count++) await node.append('a-1');
    await node.settle();
    expect(sink.positions).toEqual([3, 4, 5]);
  });

  test('gets the same bytes without pools', async () => {
    await using pooled = new FakeNode();
    await using plain = new FakeNode({ encoder: new PlainFrameEncoder() });
    const received = [];
    for (const node of [pooled, plain]) {
      const { sink } = await node.subscribe();
      await node.settle();
      await node.append('a-"1"', 100);
      await node.settle();
      const { log } = await node.store.namespace('default');
      received.push(sink.received.toString().replaceAll(tagOf(log), ''));
    }
    expect(received[0]).toBe(received[1]);
  });
});

describe('many subscriptions', () => {
  test('share one encoding of a poke', async () => {
    await using node = new FakeNode();
    for (let count = 0; count < 20; count++) await node.subscribe(count % 2 === 0 ? {} : category('a'));
    await node.settle();
    await node.append('a-1', 3);
    await node.settle();
    expect([node.hub.batch.stats.framesEncoded, node.hub.batch.stats.pokes]).toEqual([3, 60]);
  });

  test('measure no delay of a message that another node appended, because its time is unknown here', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe(category('a'));
    await node.settle();
    node.store.holdAnnouncements();
    await node.append('a-1', 3);
    node.store.lose();
    node.look();
    await node.settle();
    expect([sink.positions, node.deliveredCount]).toEqual([[1, 2, 3], 0]);
  });

  test('cost no encoding for a poke that none of them selects', async () => {
    await using node = new FakeNode();
    await node.subscribe(category('a'));
    await node.settle();
    await node.append('b-1', 3);
    await node.settle();
    expect([node.hub.batch.stats.framesEncoded, node.deliveredCount]).toEqual([0, 0]);
  });

  test('each get their own pokes, interleaved with those of others', async () => {
    await using node = new FakeNode();
    const sinks = [];
    for (const name of ['a', 'b', 'c']) sinks.push((await node.subscribe(category(name))).sink);
    await node.settle();
    for (let count = 0; count < 30; count++) await node.append(`${'abc'[count % 3]}-${count}`);
    await node.settle();
    expect(sinks.map(({ positions }) => positions)).toEqual(
      [1, 2, 3].map((first) => range(0, 9).map((step) => first + step * 3)),
    );
  });

  test('are reported to the observer: opened, and closed with the reason', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await node.subscribe();
    await node.settle();
    sink.hangUp();
    await node.settle();
    expect([node.opened, node.closed]).toEqual([[subscription], [{ subscription, reason: 'peer' }]]);
  });

  test('are counted by kind and state', async () => {
    await using node = new FakeNode();
    const full = new FakeSink();
    await node.subscribe({}, full);
    await node.subscribe();
    await node.subscribe(category('a'));
    await node.settle();
    full.stall();
    await node.append('b-1');
    await node.settle();
    expect(node.hub.census()).toHaveLength(5 * 3);
    expect(node.hub.census().filter(({ count }) => count > 0)).toEqual([
      { kind: 'all', state: 'live', count: 1 },
      { kind: 'all', state: 'lagging', count: 1 },
      { kind: 'category', state: 'live', count: 1 },
    ]);
  });

  test('report each message once to the observer', async () => {
    await using node = new FakeNode();
    for (let count = 0; count < 3; count++) await node.subscribe();
    await node.settle();
    await node.append('a-1', 4);
    await node.settle();
    expect(node.deliveredCount).toBe(4);
  });
});

describe('a slow subscriber', () => {
  test('has nothing queued for it except the content of its socket when it was full', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await node.subscribe();
    await node.settle();
    sink.stall();
    for (let count = 0; count < 100; count++) {
      await node.append('a-1');
      await node.settle();
    }
    expect([subscription.state.name, subscription.pokes, sink.writableLength < 100]).toEqual(['lagging', 1, true]);
  });

  test('receives everything when it reads again', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await node.subscribe();
    await node.settle();
    sink.stall();
    for (let count = 0; count < 20; count++) {
      await node.append('a-1');
      await node.settle();
    }
    sink.drain();
    await node.settle();
    expect([sink.positions, subscription.state.name, node.hub.laggingEpisodes]).toEqual([range(1, 20), 'live', 1]);
  });

  test('does not delay the others', async () => {
    await using node = new FakeNode();
    const { sink: slow } = await node.subscribe();
    const { sink: quick } = await node.subscribe();
    await node.settle();
    slow.stall();
    await node.append('a-1', 3);
    await node.append('a-1', 3);
    await node.settle();
    expect([slow.positions, quick.positions]).toEqual([[], range(1, 6)]);
  });

  test('may have a full socket after the greeting', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await node.subscribe({}, new FakeSink(3));
    await node.append('a-1', 3);
    await node.settle();
    const before = subscription.state.name;
    sink.drain();
    await node.settle();
    expect([before, sink.stream.comments, sink.positions]).toEqual(['lagging', [' ready'], [1, 2, 3]]);
  });

  test('may drain byte by byte', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe({}, new FakeSink(0));
    await node.append('a-1', 3);
    for (let bytes = 0; bytes < 300; bytes++) {
      sink.drain(1);
      if (bytes % 10 === 0) await node.settle();
    }
    sink.drain();
    await node.settle();
    expect(sink.positions).toEqual([1, 2, 3]);
  });

  test('releases its buffer when it leaves', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    sink.stall();
    await node.append('a-1');
    await node.settle();
    const before = node.leased;
    sink.fail(new Error('reset'));
    await node.settle();
    expect([before, node.leased]).toEqual([1, 0]);
  });

  test('shares one buffer with all others that stalled in the same turn', async () => {
    await using node = new FakeNode();
    const sinks = [];
    for (let count = 0; count < 10; count++) sinks.push((await node.subscribe()).sink);
    await node.settle();
    for (const sink of sinks) sink.stall();
    await node.append('a-1');
    await node.settle();
    expect(node.leased).toBe(1);
  });
});

describe('a stalled subscriber', () => {
  async function lagging(node: FakeNode) {
    const listening = await node.subscribe();
    await node.settle();
    listening.sink.stall();
    await node.append('a-1');
    await node.settle();
    return listening;
  }

  test('is closed when it has accepted nothing for the time-out', async () => {
    await using node = new FakeNode({ stallTimeoutMs: 60_000 });
    const { subscription } = await lagging(node);
    node.hub.closeStalled(sinceMs(subscription) + 60_000);
    await node.settle();
    expect(node.closed).toEqual([{ subscription, reason: 'stalled' }]);
  });

  test('is not closed before', async () => {
    await using node = new FakeNode({ stallTimeoutMs: 60_000 });
    const { subscription } = await lagging(node);
    node.hub.closeStalled(sinceMs(subscription) + 59_999);
    await node.settle();
    expect(subscription.state.name).toBe('lagging');
  });

  test('is not closed if it drained in the meantime', async () => {
    await using node = new FakeNode({ stallTimeoutMs: 60_000 });
    const { sink, subscription } = await lagging(node);
    sink.drain();
    await node.settle();
    node.hub.closeStalled(performance.now() + 1_000_000);
    expect(subscription.state.name).toBe('live');
  });

  test('is never closed at a time-out of 0', async () => {
    await using node = new FakeNode({ stallTimeoutMs: 0 });
    const { subscription } = await lagging(node);
    node.hub.closeStalled(sinceMs(subscription) + 1e12);
    expect(subscription.state.name).toBe('lagging');
  });

  test('is the only one closed', async () => {
    await using node = new FakeNode({ stallTimeoutMs: 60_000 });
    const { sink } = await node.subscribe();
    const { subscription } = await lagging(node);
    node.hub.closeStalled(sinceMs(subscription) + 60_000);
    await node.append('a-1');
    await node.settle();
    expect([sink.positions, node.hub.subscriptions.size]).toEqual([[1, 2], 1]);
  });
});

describe('a hub that ends', () => {
  test('ends every subscription, including those that lag or catch up', async () => {
    await using node = new FakeNode();
    const { sink: stalled } = await node.subscribe();
    await node.subscribe();
    await node.settle();
    stalled.stall();
    await node.append('a-1');
    await node.settle();
    node.store.holdReads();
    await node.subscribe(category('a'));
    await node.hub.endAll('draining', 0);
    node.store.answerReads();
    await node.settle();
    expect(node.closed.map(({ reason }) => reason)).toEqual(['draining', 'draining', 'draining']);
  });

  test('delivers collected pokes first', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe();
    await node.settle();
    await node.append('a-1', 3);
    await node.hub.endAll('draining', 0);
    await node.settle();
    expect([sink.positions, sink.destroyed]).toEqual([[1, 2, 3], true]);
  });

  test('resolves even if it spreads the ends', async () => {
    await using node = new FakeNode();
    for (let count = 0; count < 5; count++) await node.subscribe();
    await node.hub.endAll('draining', 10);
    await node.settle();
    expect(node.hub.subscriptions.size).toBe(0);
  });

  test('ends later subscriptions at once', async () => {
    await using node = new FakeNode();
    await node.hub.endAll('draining', 0);
    const { sink, subscription } = await node.subscribe();
    await node.settle();
    expect([reasonOf(subscription), sink.stream.comments, sink.destroyed]).toEqual(['draining', [], true]);
  });

  test('ends later subscriptions at once while it spreads the ends', async () => {
    await using node = new FakeNode();
    for (let count = 0; count < 5; count++) await node.subscribe();
    const ending = node.hub.endAll('draining', 10);
    const { subscription } = await node.subscribe();
    await ending;
    await node.settle();
    expect([reasonOf(subscription), node.hub.subscriptions.size]).toEqual(['draining', 0]);
  });

  test('resolves when there is nothing to end', async () => {
    await using node = new FakeNode();
    await expect(node.hub.endAll('draining', 1_000)).resolves.toBeUndefined();
  });
});
