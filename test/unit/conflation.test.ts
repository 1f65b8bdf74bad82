import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Conflation, maxGatheredStreams, maxRoundStreams, roundStreamsFor } from '../../src/hub/conflation.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import { pokeOf, selectionOf } from '../support/fake-messages.ts';
import { FakeNode, noWishes } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';

const ofA = { selection: selectionOf({ categories: ['a'] }), wishes: { ...noWishes, conflated: true } };

type Conflated = { stream: string; position: number; globalPosition: number; from?: number; count?: number };

/** Pokes as text `stream/from-position×count`; plain ones as `stream/position`. */
function textsOf(sink: FakeSink): string[] {
  return (sink.pokes as Conflated[]).map(({ stream, position, from, count }) =>
    count === undefined ? `${stream}/${position}` : `${stream}/${from}-${position}×${count}`,
  );
}

describe('a round', () => {
  test('has one entry per stream, in the order of their last messages', () => {
    const round = new Conflation(10);
    const pokes = [pokeOf('a-1', 3, 11), pokeOf('a-2', 0, 12), pokeOf('a-2', 1, 15), pokeOf('a-1', 4, 16)];
    expect(pokes.map((poke) => round.gather(poke))).toEqual([true, true, true, true]);
    round.close();
    const taken = [round.take(), round.take(), round.take()];
    expect(
      taken.map((poke) => poke && [poke.stream.text, poke.from, poke.position, poke.globalPosition, poke.count]),
    ).toEqual([['a-2', 0, 1, 15, 2], ['a-1', 3, 4, 16, 2], undefined]);
    expect([round.upTo, round.left]).toEqual([16, 0]);
  });

  test('counts messages rather than positions, in which an import may leave gaps', () => {
    const round = new Conflation(0);
    round.gather(pokeOf('a-1', 3, 11));
    round.gather(pokeOf('a-1', 9, 12));
    round.close();
    expect(round.take()).toMatchObject({ from: 3, position: 9, count: 2 });
  });

  test('that is full accepts no further stream, but pokes of its own streams', () => {
    const round = new Conflation(0);
    for (let n = 1; n <= maxRoundStreams; n++) round.gather(pokeOf(`a-${n}`, 0, n));
    const other = round.gather(pokeOf('a-other', 0, 9_000));
    const known = round.gather(pokeOf('a-1', 1, 9_001));
    expect([other, known, round.upTo]).toEqual([false, true, 9_001]);
  });
});

describe('a subscription that asks for conflation', () => {
  test('receives every poke while it keeps up, and on its initial catch-up', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    await node.append('a-1');
    await node.settle();
    expect(textsOf(sink)).toEqual(['a-1/0', 'a-1/1', 'a-1/2', 'a-1/3']);
  });

  test('receives the pokes it missed while it lagged as one per stream, and every later poke again', async () => {
    await using node = new FakeNode();
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    await node.append('a-1');
    await node.settle();
    for (let count = 0; count < 2_000; count++) await node.append(`a-${(count % 3) + 1}`);
    await node.append('b-1', 50);
    sink.drain();
    await node.settle();
    await node.append('a-2');
    await node.settle();
    expect([textsOf(sink), subscription.state.name]).toEqual([
      ['a-1/0', 'a-3/0-665×666', 'a-1/1-667×667', 'a-2/0-666×667', 'a-2/667'],
      'live',
    ]);
  });

  test('gets an id only with the last poke of a round, since a cursor between them would lose messages', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    await node.append('a-1');
    await node.settle();
    for (const stream of ['a-2', 'a-1', 'a-3', 'a-2']) await node.append(stream);
    sink.drain();
    await node.settle();
    const tag = tagOf((await node.store.namespace('default')).log);
    expect(sink.pokes.map(({ stream, globalPosition, id }) => [stream, globalPosition, id])).toEqual([
      ['a-1', 1, `1-${tag}`],
      ['a-1', 3, `1-${tag}`],
      ['a-3', 4, `1-${tag}`],
      ['a-2', 5, `5-${tag}`],
    ]);
  });

  test('that stalls in the middle of a round receives the rest of it, and nothing twice', async () => {
    await using node = new FakeNode();
    const streams = 2_000;
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    await node.append('a-0');
    await node.settle();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < streams; n++) await node.append(`a-${n}`);
    }
    // A round with this many streams takes several writes, and the socket takes each in pieces.
    while (subscription.state.name !== 'live') {
      sink.drain(10_000);
      await node.settle();
      if (sink.pokes.length === 1_000) await node.append('a-0', 2);
    }
    const counts = new Map<string, number>();
    for (const { stream, count = 1 } of sink.pokes as Conflated[]) {
      counts.set(stream, (counts.get(stream) ?? 0) + count);
    }
    expect([counts.size, new Set(counts.values())]).toEqual([streams, new Set([3, 4])]);
    expect(sink.positions.length).toBeLessThan(streams + 10);
  });

  test('receives more streams than fit in a round in several rounds', async () => {
    await using node = new FakeNode();
    const streams = maxRoundStreams + 100;
    const { sink } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    await node.append('a-0');
    await node.settle();
    for (let n = 0; n < streams; n++) await node.append(`a-${n}`);
    sink.drain();
    await node.settle();
    const told = (sink.pokes as Conflated[]).slice(1);
    expect(told.map(({ globalPosition }) => globalPosition)).toEqual(
      Array.from({ length: streams }, (_value, index) => index + 2),
    );
    const ids = new Set(sink.pokes.map(({ id }) => Number.parseInt(id, 10)));
    expect(ids).toEqual(new Set([1, maxRoundStreams + 1, streams + 1]));
  });

  test('has smaller rounds if many others ask for conflation, so that the total is bounded', async () => {
    await using node = new FakeNode();
    const streams = 5_000;
    const others = 299;
    const { sink } = await node.subscribe(ofA);
    for (let n = 0; n < others; n++) await node.subscribe(ofA, new FakeSink(0));
    await node.settle();
    sink.stall();
    await node.append('a-0');
    await node.settle();
    for (let n = 0; n < streams; n++) await node.append(`a-${n}`);
    sink.drain();
    await node.settle();
    const roundStreams = Math.floor(maxGatheredStreams / (others + 1));
    const ends = sink.pokes.flatMap(({ globalPosition, id }) =>
      Number.parseInt(id, 10) === globalPosition ? [globalPosition] : [],
    );
    expect([sink.pokes.length, ends]).toEqual([streams + 1, [1, roundStreams + 1, streams + 1]]);
  });

  test('has a minimum number of streams per round, however many others there are', () => {
    expect([1, 128, 1_024, 1_000_000].map(roundStreamsFor)).toEqual([8_192, 8_192, 1_024, 64]);
  });

  test('begins after the requested position', async () => {
    await using node = new FakeNode();
    const selection = selectionOf({ streams: ['a-1'] });
    await node.append('a-1', 5);
    const sink = new FakeSink(0);
    await node.subscribe({ ...ofA, selection, position: 3 }, sink);
    await node.append('a-1', 4);
    sink.drain();
    await node.settle();
    expect(textsOf(sink)).toEqual(['a-1/3-8×6']);
  });

  test('waits while the log cannot be read, and then receives the round', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await using node = new FakeNode();
    const { sink, subscription } = await node.subscribe(ofA);
    await node.settle();
    sink.stall();
    await node.append('a-1', 2);
    await node.settle();
    // More than the window holds.
    await node.append('a-1', 198);
    await node.settle();
    node.store.failure = new Error('disk');
    sink.drain();
    await node.settle();
    const meanwhile = [subscription.state.name, textsOf(sink)];
    node.store.failure = undefined;
    vi.advanceTimersByTime(5_000);
    await node.settle();
    const told = ['a-1/0', 'a-1/1'];
    expect([meanwhile, subscription.state.name, textsOf(sink)]).toEqual([
      ['catching-up', told],
      'live',
      [...told, 'a-1/2-199×198'],
    ]);
  });

  test('receives a round from a page shared with others, which receive every poke', async () => {
    await using node = new FakeNode();
    const { sink } = await node.subscribe(ofA);
    const { sink: plain } = await node.subscribe({ selection: ofA.selection });
    await node.settle();
    for (const stalled of [sink, plain]) stalled.stall();
    await node.append('a-1');
    await node.settle();
    for (let count = 0; count < 300; count++) await node.append('a-1');
    for (const stalled of [sink, plain]) stalled.drain();
    await node.settle();
    expect([textsOf(sink), plain.positions.length]).toEqual([['a-1/0', 'a-1/1-300×300'], 301]);
  });
});
