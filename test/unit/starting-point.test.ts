import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startingPoint } from '../../src/hub/starting-point.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import { everything, newMessages, pokePool, selectionOf } from '../support/fake-messages.ts';
import { type AskedFor, claimOf, noWishes } from '../support/fake-node.ts';
import { FakeStore } from '../support/fake-store.ts';

let store: FakeStore;

beforeEach(async () => {
  store = new FakeStore({ pokes: pokePool(), maxBytes: 0 });
  await store.append('default', 'a-1', newMessages(5), undefined);
});
afterEach(() => store.close());

const stream = selectionOf({ streams: ['a-1'] });
const category = selectionOf({ categories: ['a'] });

function startOf({ lastEventId, ...parts }: AskedFor) {
  return startingPoint(store, {
    namespace: 'default',
    selection: everything,
    position: 0,
    lastEventId: claimOf(lastEventId),
    epoch: undefined,
    wishes: noWishes,
    ...parts,
  });
}

describe('a subscription to everything begins', () => {
  test.each([
    [0, 5],
    [3, 5],
    [6, 5],
    [7, 6],
    [100, 99],
  ])('for position %i behind global position %i, without replay', async (position, cursor) => {
    expect((await startOf({ position })).cursor).toBe(cursor);
  });
});

describe('a subscription to a category begins', () => {
  test.each([
    [0, 0],
    [1, 0],
    [3, 2],
    [100, 99],
  ])('for position %i behind global position %i', async (position, cursor) => {
    expect((await startOf({ selection: category, position })).cursor).toBe(cursor);
  });
});

describe('a subscription to several selectors begins', () => {
  test.each([
    ['streams', selectionOf({ streams: ['a-1', 'b-1'] })],
    ['a stream and a category', selectionOf({ streams: ['a-1'], categories: ['b'] })],
    ['categories', selectionOf({ categories: ['a', 'b'] })],
  ])('at a global position: %s', async (_what, selection) => {
    const { cursor, selection: read } = await startOf({ selection, position: 4 });
    expect([cursor, read.fromPosition]).toEqual([3, 0]);
  });
});

describe('a subscription to one stream begins', () => {
  test('at a position of the stream, with the log from its beginning', async () => {
    const { cursor, selection } = await startOf({ selection: stream, position: 3 });
    expect([cursor, selection.fromPosition]).toEqual([0, 3]);
  });

  test.each([0, 3, 5])('and hears every poke of it once the stream has reached position %i', async (position) => {
    expect((await startOf({ selection: stream, position })).liveSelection.fromPosition).toBe(0);
  });

  test('and hears pokes from the position on while the stream has not reached it', async () => {
    expect((await startOf({ selection: stream, position: 6 })).liveSelection.fromPosition).toBe(6);
  });

  test('at the beginning of a stream that does not exist', async () => {
    const { cursor, liveSelection } = await startOf({ selection: selectionOf({ streams: ['none'] }) });
    expect([cursor, liveSelection.fromPosition]).toEqual([0, 0]);
  });
});

describe('a last event id', () => {
  test.each([
    ['everything', everything],
    ['a stream', stream],
    ['a category', category],
  ])('wins over the position: %s', async (_what, selection) => {
    const { cursor, selection: read } = await startOf({ selection, position: 3, lastEventId: 2 });
    expect([cursor, read.fromPosition]).toEqual([2, 0]);
  });

  test('of the head resumes there', async () => {
    expect((await startOf({ lastEventId: 5 })).cursor).toBe(5);
  });

  test('from the future is of another log, and everything is told', async () => {
    expect((await startOf({ lastEventId: 6 })).cursor).toBe(0);
  });

  test('belongs to its namespace', async () => {
    expect((await startOf({ namespace: 'other', lastEventId: 5 })).cursor).toBe(0);
  });
});

describe('a last event id that names its log', () => {
  const tag = async () => tagOf((await store.extent('default')).epoch);

  test.each([0, 2, 5])('resumes behind %i in that log', async (globalPosition) => {
    const { cursor, reset } = await startOf({ lastEventId: { globalPosition, tag: await tag() } });
    expect([cursor, reset]).toEqual([globalPosition, undefined]);
  });

  test('waits when it lies ahead of the head, which may only be late here', async () => {
    const { cursor, reset } = await startOf({ lastEventId: { globalPosition: 100, tag: await tag() } });
    expect([cursor, reset]).toEqual([100, undefined]);
  });

  test('wins over the epoch that an EventSource repeats in its URL', async () => {
    const { cursor, reset } = await startOf({ lastEventId: { globalPosition: 3, tag: await tag() }, epoch: 'old' });
    expect([cursor, reset]).toEqual([3, undefined]);
  });

  test.each([2, 100])('of another log is told everything, wherever the head is: behind %i', async (globalPosition) => {
    const { cursor, reset, epoch } = await startOf({ lastEventId: { globalPosition, tag: tagOf('old') } });
    const lost = { epoch: null, from: globalPosition + 1, to: null };
    expect([cursor, reset]).toEqual([0, { reason: 'other-epoch', epoch, head: 5, lost, replayFrom: 1 }]);
  });

  test.each([
    ['everything', everything],
    ['a stream', stream],
    ['a category', category],
  ])('that is unknown is told everything: %s', async (_what, selection) => {
    const { cursor, selection: read, reset } = await startOf({ selection, position: 3, lastEventId: 'unknown' });
    expect([cursor, read.fromPosition, reset?.reason, reset?.lost]).toEqual([
      0,
      0,
      'other-epoch',
      { epoch: null, from: 1, to: null },
    ]);
  });
});

describe('a cursor that the log cannot resume behind', () => {
  const epochOf = async () => (await store.extent('default')).epoch;

  test('is none that it has, with or without its epoch', async () => {
    const plain = await startOf({ lastEventId: 5 });
    const named = await startOf({ lastEventId: 5, epoch: await epochOf() });
    expect([plain.reset, named.reset, named.cursor]).toEqual([undefined, undefined, 5]);
  });

  test('lies ahead of the head', async () => {
    const { cursor, reset, epoch, head } = await startOf({ lastEventId: 6 });
    expect([cursor, reset]).toEqual([
      0,
      { reason: 'cursor-ahead', epoch, head, lost: { epoch: null, from: 7, to: null }, replayFrom: 1 },
    ]);
  });

  test.each([
    ['a last event id', { lastEventId: 2 }, 3],
    ['a last event id ahead of the head', { lastEventId: 100 }, 101],
    ['a position', { selection: category, position: 4 }, 4],
    ['a position of a stream, which says nothing of the log', { selection: stream, position: 4 }, 1],
    ['no cursor', { selection: category }, 1],
  ])('is of another epoch: %s', async (_what, parts, from) => {
    const { cursor, selection, reset } = await startOf({ ...parts, epoch: 'old' });
    expect([cursor, selection.fromPosition, reset?.reason, reset?.lost]).toEqual([
      0,
      0,
      'other-epoch',
      { epoch: 'old', from, to: null },
    ]);
  });

  describe('lies before what the store still holds:', () => {
    beforeEach(async () => {
      await store.begin('later', 10);
      await store.append('later', 'a-1', newMessages(2), undefined);
    });

    test.each([
      ['a last event id', { lastEventId: 3 }, 4],
      ['a last event id of nothing', { lastEventId: 0 }, 1],
      ['the last event id before the last forgotten message', { lastEventId: 9 }, 10],
      ['a position', { selection: category, position: 5 }, 5],
    ])('%s', async (_what, parts, from) => {
      const { cursor, reset, epoch } = await startOf({ namespace: 'later', ...parts });
      expect([cursor, reset]).toEqual([
        0,
        { reason: 'forgotten', epoch, head: 12, lost: { epoch, from, to: 10 }, replayFrom: 11 },
      ]);
    });

    test.each([
      ['the last event id of the last forgotten message misses nothing', { lastEventId: 10 }, 10],
      ['a position behind it misses nothing', { selection: category, position: 11 }, 10],
      ['who names no cursor misses nothing', { selection: category }, 0],
      ['nor who begins with the first position', { selection: category, position: 1 }, 0],
      ['nor who asks for a position of a stream', { selection: stream, position: 1 }, 0],
    ])('%s', async (_what, parts, expected) => {
      const { cursor, reset } = await startOf({ namespace: 'later', ...parts });
      expect([cursor, reset]).toEqual([expected, undefined]);
    });
  });
});
