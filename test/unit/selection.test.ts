import { describe, expect, test } from 'vitest';
import {
  kindOfSelection,
  type Selection,
  selectionDigest,
  selectionKey,
  selects,
} from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { everything, selectionOf } from '../support/fake-messages.ts';

const group = { member: 1, size: 2 };

describe('the kind of a selection', () => {
  test.each<[string, Partial<Selection>]>([
    ['all', { all: true }],
    ['stream', { streams: ['a-1'] }],
    ['category', { categories: ['a'] }],
    ['group', { categories: ['a'], group }],
    ['group', { categories: ['a', 'b'], group }],
    ['mixed', { streams: ['a-1', 'a-2'] }],
    ['mixed', { categories: ['a', 'b'] }],
    ['mixed', { streams: ['a-1'], categories: ['a'] }],
  ])('is %s for %j', (kind, parts) => {
    expect(kindOfSelection(selectionOf(parts))).toBe(kind);
  });
});

describe('the digest of a selection', () => {
  test('is short however many long names it has, so that a ticket does not store them', () => {
    const streams = Array.from({ length: 100 }, (_, at) => `${at}-${'x'.repeat(1_000)}`);
    expect(selectionDigest(selectionOf({ streams }))).toHaveLength(43);
  });

  test('is the same for the same names in another order, and differs for others', () => {
    const digest = selectionDigest(selectionOf({ streams: ['a', 'b'] }));
    expect(selectionDigest(selectionOf({ streams: ['b', 'a'] }))).toBe(digest);
    expect(selectionDigest(selectionOf({ streams: ['a', 'c'] }))).not.toBe(digest);
  });
});

describe('the key of a selection', () => {
  test('does not depend on the order of its names', () => {
    expect(selectionKey(selectionOf({ streams: ['b', 'a'], categories: ['d', 'c'] }))).toBe(
      selectionKey(selectionOf({ streams: ['a', 'b'], categories: ['c', 'd'] })),
    );
  });

  test('does not change the order of its names', () => {
    const streams = ['b', 'a'];
    selectionKey(selectionOf({ streams }));
    expect(streams).toEqual(['b', 'a']);
  });

  test('differs for different selections', () => {
    const keys = [
      everything,
      selectionOf({ streams: ['a'] }),
      selectionOf({ streams: ['a', 'b'] }),
      selectionOf({ streams: ['a,b'] }),
      selectionOf({ streams: ['a","b'] }),
      selectionOf({ streams: ['a'], fromPosition: 1 }),
      selectionOf({ categories: ['a'] }),
      selectionOf({ categories: ['a'], group }),
      selectionOf({ categories: ['a'], group: { member: 0, size: 2 } }),
      selectionOf({ categories: ['a'], group: { member: 1, size: 3 } }),
    ].map(selectionKey);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('a selection', () => {
  test.each<[string, Partial<Selection>, string, number, boolean]>([
    ['everything', { all: true }, 'a-1', 0, true],
    ['a named stream', { streams: ['b-1', 'a-1'] }, 'a-1', 0, true],
    ['no stream that only begins alike', { streams: ['a-1'] }, 'a-12', 0, false],
    ['a named category', { categories: ['a'] }, 'a-1', 0, true],
    ['a stream without id in its category', { categories: ['a'] }, 'a', 0, true],
    ['no category that only begins alike', { categories: ['a'] }, 'ab-1', 0, false],
    ['a stream at its first position asked for', { streams: ['a-1'], fromPosition: 3 }, 'a-1', 3, true],
    ['no stream before it', { streams: ['a-1'], fromPosition: 3 }, 'a-1', 2, false],
    ['streams of its member', { categories: ['account'], group }, 'account-123', 0, true],
    ['no streams of others', { categories: ['account'], group: { member: 0, size: 2 } }, 'account-123', 0, false],
    ['no stream without cardinal id in a group', { categories: ['a'], group: { member: 0, size: 1 } }, 'a', 0, false],
    ['nothing of other names', { streams: ['a-1'], categories: ['b'] }, 'c-1', 0, false],
  ])('names %s', (_what, parts, stream, position, expected) => {
    expect(selects(selectionOf(parts), new StreamName(stream), position)).toBe(expected);
  });
});
