import { beforeEach, describe, expect, test } from 'vitest';
import {
  needsFreshBounds,
  needsLeftOver,
  needsOwnBounds,
  needsVersion,
  type SubscribeRequest,
  startingPoint,
} from '../../src/hub/starting-point.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import type { LogBounds } from '../../src/store/log.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { everything, selectionOf } from '../support/fake-messages.ts';
import { noWishes } from '../support/fake-node.ts';

const epoch = newLogId();
const tag = tagOf(epoch);
const otherTag = tagOf(newLogId());
/** The only stream has five messages, and retention left none of its range. */
const facts = { version: 4, leftOver: 0 };
let bounds: LogBounds;

beforeEach(() => {
  bounds = { epoch, head: 5, forgottenUpTo: 0, importsBelowHead: 0 };
});

const stream = selectionOf({ streams: ['a-1'] });
const category = selectionOf({ categories: ['a'] });

type Parts = Partial<Omit<SubscribeRequest, 'lastEventId'>> & {
  readonly lastEventId?: SubscribeRequest['lastEventId'] | number;
};

/** A number as cursor names no log. */
function requestOf({ lastEventId, ...parts }: Parts): SubscribeRequest {
  return {
    log: epoch,
    selection: everything,
    position: 0,
    lastEventId: typeof lastEventId === 'number' ? { globalPosition: lastEventId, tag: undefined } : lastEventId,
    epoch: undefined,
    wishes: noWishes,
    ...parts,
  };
}

const startOf = (parts: Parts, more = {}) => startingPoint(requestOf(parts), bounds, { ...facts, ...more });

describe('a subscription to everything begins', () => {
  test.each([
    [0, 5],
    [3, 5],
    [6, 5],
    [7, 6],
    [100, 99],
  ])('for position %i after global position %i, without replay', (position, cursor) => {
    expect(startOf({ position }).cursor).toBe(cursor);
  });
});

describe('a subscription to a category begins', () => {
  test.each([
    [0, 0],
    [1, 0],
    [3, 2],
    [100, 99],
  ])('for position %i after global position %i', (position, cursor) => {
    expect(startOf({ selection: category, position }).cursor).toBe(cursor);
  });
});

describe('a subscription to several selectors begins', () => {
  test.each([
    ['streams', selectionOf({ streams: ['a-1', 'b-1'] })],
    ['a stream and a category', selectionOf({ streams: ['a-1'], categories: ['b'] })],
    ['categories', selectionOf({ categories: ['a', 'b'] })],
  ])('at a global position: %s', (_what, selection) => {
    const { cursor, selection: read } = startOf({ selection, position: 4 });
    expect([cursor, read.fromPosition]).toEqual([3, 0]);
  });
});

describe('a subscription to one stream begins', () => {
  test('at a position of the stream, with the log from its beginning', () => {
    const { cursor, selection } = startOf({ selection: stream, position: 3 });
    expect([cursor, selection.fromPosition]).toEqual([0, 3]);
  });

  test.each([0, 3, 5])('and receives all its pokes once the stream has reached position %i', (position) => {
    expect(startOf({ selection: stream, position }).liveSelection.fromPosition).toBe(0);
  });

  test('and receives pokes from that position if the stream has not reached it', () => {
    expect(startOf({ selection: stream, position: 6 }).liveSelection.fromPosition).toBe(6);
  });

  test('at the beginning of a stream that does not exist', () => {
    const { cursor, liveSelection } = startOf({ selection: stream }, { version: -1 });
    expect([cursor, liveSelection.fromPosition]).toEqual([0, 0]);
  });
});

describe('a last event id', () => {
  test.each([
    ['everything', everything],
    ['a stream', stream],
    ['a category', category],
  ])('wins over the position: %s', (_what, selection) => {
    const { cursor, selection: read } = startOf({ selection, position: 3, lastEventId: 2 });
    expect([cursor, read.fromPosition]).toEqual([2, 0]);
  });

  test('of the head resumes there', () => {
    expect(startOf({ lastEventId: 5 }).cursor).toBe(5);
  });

  test('above the head belongs to another log, and everything is delivered', () => {
    expect(startOf({ lastEventId: 6 }).cursor).toBe(0);
  });

  test('that the server never created belongs to an unknown log, and everything is delivered', () => {
    const { cursor, reset } = startOf({ lastEventId: 'unknown' });
    expect([cursor, reset?.reason, reset?.lost]).toEqual([0, 'other-epoch', { epoch: null, from: 1, to: null }]);
  });
});

describe('a cursor from which the log cannot be resumed', () => {
  test('belongs to another log, with or without its epoch', () => {
    const plain = startOf({ lastEventId: 5 });
    const named = startOf({ lastEventId: 5, epoch });
    expect([plain.reset, named.reset, named.cursor]).toEqual([undefined, undefined, 5]);
  });

  test('is above the head', () => {
    const { cursor, reset, head } = startOf({ lastEventId: 6 });
    expect([cursor, reset]).toEqual([
      0,
      { reason: 'cursor-ahead', epoch, head, lost: { epoch: null, from: 7, to: null }, replayFrom: 1 },
    ]);
  });

  test.each([
    ['a last event id', { lastEventId: 2 }, 3],
    ['a last event id ahead of the head', { lastEventId: 100 }, 101],
    ['a position', { selection: category, position: 4 }, 4],
    ['a position of a stream, which does not identify the log', { selection: stream, position: 4 }, 1],
    ['no cursor', { selection: category }, 1],
  ])('is of another epoch: %s', (_what, parts, from) => {
    const { cursor, selection, reset } = startOf({ ...parts, epoch: 'old' });
    expect([cursor, selection.fromPosition, reset?.reason, reset?.lost]).toEqual([
      0,
      0,
      'other-epoch',
      { epoch: 'old', from, to: null },
    ]);
  });

  describe('lies before what the store still holds:', () => {
    beforeEach(() => {
      bounds = { epoch, head: 12, forgottenUpTo: 10, importsBelowHead: 0 };
    });

    test.each([
      ['a last event id', { lastEventId: 3 }, 4],
      ['a last event id of 0', { lastEventId: 0 }, 1],
      ['the last event id before the last forgotten message', { lastEventId: 9 }, 10],
      ['a position', { selection: category, position: 5 }, 5],
    ])('%s', (_what, parts, from) => {
      const { cursor, reset } = startOf(parts);
      expect([cursor, reset]).toEqual([
        0,
        { reason: 'forgotten', epoch, head: 12, lost: { epoch, from, to: 10 }, replayFrom: 11 },
      ]);
    });

    test.each([
      ['the last event id of the last forgotten message misses nothing', { lastEventId: 10 }, 10],
      ['a position after it misses nothing', { selection: category, position: 11 }, 10],
      ['a request without a cursor misses nothing', { selection: category }, 0],
      ['a request from the first position misses nothing', { selection: category, position: 1 }, 0],
      ['a request from a position of a stream misses nothing', { selection: stream, position: 1 }, 0],
    ])('%s', (_what, parts, expected) => {
      const { cursor, reset } = startOf(parts);
      expect([cursor, reset]).toEqual([expected, undefined]);
    });
  });
});

describe('a cursor that names its log', () => {
  test('is resumed, whatever epoch the URL still names', () => {
    const { cursor, reset } = startOf({ lastEventId: { globalPosition: 3, tag }, epoch: 'old' });
    expect([cursor, reset]).toEqual([3, undefined]);
  });

  test('waits if it is above the head known to this node, and causes no reset', () => {
    const { cursor, reset, resumeAfter } = startOf({ lastEventId: { globalPosition: 9, tag } });
    expect([cursor, reset, resumeAfter]).toEqual([9, undefined, undefined]);
  });

  test('of another log receives everything, even if its position exists in this log', () => {
    const { cursor, reset } = startOf({ lastEventId: { globalPosition: 3, tag: otherTag }, epoch });
    expect([cursor, reset?.reason, reset?.lost]).toEqual([0, 'other-epoch', { epoch: null, from: 4, to: null }]);
  });
});

describe('after a reset a subscription resumes', () => {
  const ofOther = { selection: category, lastEventId: { globalPosition: 3, tag: otherTag } } as const;

  test.each([
    ['another log', ofOther],
    ['a cursor ahead of the head', { selection: category, lastEventId: 6 }],
    ['an id that is no cursor', { selection: category, lastEventId: 'unknown' }],
    ['the epoch of another log', { selection: stream, position: 4, epoch: 'old' }],
  ] as const)('at the beginning if nothing was deleted: %s', (_what, parts) => {
    expect(startOf(parts).resumeAfter).toBe(0);
  });

  test.each([
    ['another log', ofOther],
    ['a cursor before it', { selection: category, lastEventId: 1 }],
    ['a position before it', { selection: category, position: 2 }],
    ['everything', { lastEventId: { globalPosition: 1, tag } }],
  ] as const)('after what was deleted: %s', (_what, parts) => {
    bounds = { ...bounds, forgottenUpTo: 4 };
    expect(startOf(parts).resumeAfter).toBe(4);
  });

  test('at the beginning if messages are left among the deleted ones, because it may not have received them', () => {
    bounds = { ...bounds, forgottenUpTo: 4 };
    expect(startOf(ofOther, { leftOver: 2 }).resumeAfter).toBe(0);
  });
});

describe('what is read of the store for a start', () => {
  test.each([
    ['everything without a cursor', {}, true],
    ['everything after a cursor', { lastEventId: 3 }, false],
    ['a category', { selection: category }, false],
    ['a cursor at the known head', { selection: category, lastEventId: 5 }, false],
    ['a cursor ahead of it', { selection: category, lastEventId: 6 }, true],
    ['a cursor of this log ahead of it', { lastEventId: { globalPosition: 6, tag } }, true],
    ['a cursor of an unknown log', { lastEventId: 'unknown' } as const, false],
  ])('are fresh bounds or none: %s', (_what, parts: Parts, expected) => {
    expect(needsFreshBounds(requestOf(parts), 5)).toBe(expected);
  });

  test.each([
    ['a stream at a position', { selection: stream, position: 1 }, true],
    ['a stream at its beginning', { selection: stream }, false],
    ['a stream after a cursor', { selection: stream, position: 1, lastEventId: 3 }, false],
    ['a category at a position', { selection: category, position: 1 }, false],
  ])('is the version of the stream or nothing: %s', (_what, parts: Parts, expected) => {
    expect(needsVersion(requestOf(parts))).toBe(expected);
  });

  test.each([
    ['everything after a cursor before it', { lastEventId: 3 }, false],
    ['a category after a cursor before it', { selection: category, lastEventId: 3 }, true],
    ['a category after a cursor at it', { selection: category, lastEventId: 4 }, false],
    ['a category from its beginning', { selection: category }, true],
    ['a category at a position before it', { selection: category, position: 4 }, true],
    ['a category at a position after it', { selection: category, position: 5 }, false],
    ['a stream at a given position', { selection: stream, position: 5 }, true],
    ['a cursor of an unknown log', { selection: category, lastEventId: 'unknown' } as const, true],
  ])('are the bounds of the selection where some of the log was deleted: %s', (_what, parts: Parts, expected) => {
    bounds = { ...bounds, forgottenUpTo: 4 };
    expect(needsOwnBounds(requestOf(parts), bounds)).toBe(expected);
    expect(needsOwnBounds(requestOf(parts), { ...bounds, forgottenUpTo: 0 })).toBe(false);
  });

  test('are the bounds of the selection for a cursor of another log after the deleted messages', () => {
    bounds = { ...bounds, forgottenUpTo: 4 };
    const cursor = { globalPosition: 9, tag: otherTag };
    expect(needsOwnBounds(requestOf({ selection: category, lastEventId: cursor }), bounds)).toBe(true);
    expect(needsOwnBounds(requestOf({ lastEventId: cursor }), bounds)).toBe(false);
  });

  test.each([
    ['a cursor before them', { lastEventId: 3 }, true],
    ['a cursor of another log', { lastEventId: { globalPosition: 9, tag: otherTag } }, true],
    ['a cursor after them', { lastEventId: 4 }, false],
    ['no cursor', {}, false],
  ] as const)('are messages left among the deleted ones, or nothing: %s', (_what, parts, expected) => {
    bounds = { ...bounds, forgottenUpTo: 4 };
    expect(needsLeftOver(requestOf(parts), bounds)).toBe(expected);
    expect(needsLeftOver(requestOf(parts), { ...bounds, forgottenUpTo: 0 })).toBe(false);
  });
});
