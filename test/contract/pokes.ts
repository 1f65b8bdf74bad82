import { describe, expect, test } from 'vitest';
import type { Selection } from '../../src/message/selection.ts';
import { everything, selectionOf } from '../support/fake-messages.ts';
import type { OpenedStore } from './opened-store.ts';
import type { Suite } from './suite.ts';

const streams = ['a-1', 'b-1', 'a-2', 'a', 'a-1', '-1', 'b-1', 'a-1', 'c-2'];

async function openFilled(open: Suite['open']): Promise<OpenedStore> {
  const opened = await open();
  for (const stream of streams) await opened.append(stream);
  return opened;
}

export function describePokes({ open }: Suite): void {
  describe('reading pokes', () => {
    test.each<[string, Partial<Selection>, string[]]>([
      [
        'everything',
        { all: true },
        ['a-1/0@1', 'b-1/0@2', 'a-2/0@3', 'a/0@4', 'a-1/1@5', '-1/0@6', 'b-1/1@7', 'a-1/2@8', 'c-2/0@9'],
      ],
      ['a stream', { streams: ['a-1'] }, ['a-1/0@1', 'a-1/1@5', 'a-1/2@8']],
      ['a stream without a hyphen, and not its category', { streams: ['a'] }, ['a/0@4']],
      ['several streams', { streams: ['b-1', 'a-2'] }, ['b-1/0@2', 'a-2/0@3', 'b-1/1@7']],
      ['a category', { categories: ['a'] }, ['a-1/0@1', 'a-2/0@3', 'a/0@4', 'a-1/1@5', 'a-1/2@8']],
      ['the category without a name', { categories: [''] }, ['-1/0@6']],
      ['several categories', { categories: ['b', 'c'] }, ['b-1/0@2', 'b-1/1@7', 'c-2/0@9']],
      [
        'streams and categories',
        { streams: ['a-1'], categories: ['b'] },
        ['a-1/0@1', 'b-1/0@2', 'a-1/1@5', 'b-1/1@7', 'a-1/2@8'],
      ],
      [
        'a stream and its category, each once',
        { streams: ['a-1', 'a-2'], categories: ['a'] },
        ['a-1/0@1', 'a-2/0@3', 'a/0@4', 'a-1/1@5', 'a-1/2@8'],
      ],
      ['a group member', { categories: ['a'], group: { member: 0, size: 2 } }, ['a-1/0@1', 'a-1/1@5', 'a-1/2@8']],
      ['another member', { categories: ['a'], group: { member: 1, size: 2 } }, ['a-2/0@3']],
      [
        'a member in several categories',
        { categories: ['a', 'c'], group: { member: 1, size: 2 } },
        ['a-2/0@3', 'c-2/0@9'],
      ],
      [
        'the only member of a group',
        { categories: ['a'], group: { member: 0, size: 1 } },
        ['a-1/0@1', 'a-2/0@3', 'a-1/1@5', 'a-1/2@8'],
      ],
      ['names that are none', { streams: ['none-1'], categories: ['none'] }, []],
      ['a stream from a position on', { streams: ['a-1'], fromPosition: 1 }, ['a-1/1@5', 'a-1/2@8']],
      ['a stream from its last position on', { streams: ['a-1'], fromPosition: 2 }, ['a-1/2@8']],
      ['a stream from beyond its end on', { streams: ['a-1'], fromPosition: 3 }, []],
      ['a stream that is none from a position on', { streams: ['none-1'], fromPosition: 3 }, []],
    ])('of %s', async (_what, parts, expected) => {
      await using opened = await openFilled(open);
      const selection = selectionOf(parts);
      expect(await opened.pokes(selection)).toEqual(expected);
      expect(await opened.pokes(selection, 0, 1)).toEqual(expected);
      expect(await opened.pokes(selection, 4, 2)).toEqual(expected.filter((poke) => Number(poke.split('@')[1]) > 4));
    });

    test('returns no more than the limit, and up to where it read', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(selectionOf({ categories: ['a'] }), 1, 2);
      expect([page.pokes.length, page.upTo, page.atEnd]).toEqual([2, 4, false]);
      page.release();
    });

    test('is at the end with the head if the last poke is before it', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(selectionOf({ categories: ['a'] }), 5, 100);
      expect([page.pokes.length, page.upTo, page.atEnd]).toEqual([1, 9, true]);
      page.release();
    });

    test('is at the end with the head when nothing was selected', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(selectionOf({ categories: ['none'] }), 0, 100);
      expect([page.pokes.length, page.upTo, page.atEnd]).toEqual([0, 9, true]);
      page.release();
    });

    test.each([9, 10, 1_000])('never goes below where it started: %i', async (after) => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(everything, after, 100);
      expect([page.pokes.length, page.upTo, page.atEnd]).toEqual([0, after, true]);
      page.release();
    });

    test('skips ten thousand messages that were not selected', async () => {
      await using opened = await open();
      await opened.appendMany('x-1', 10_000);
      await opened.append('x-2', 2);
      const selection = selectionOf({ categories: ['x'], group: { member: 1, size: 2 } });
      expect(await opened.pokes(selection)).toEqual(['x-2/0@10001', 'x-2/1@10002']);
    });

    test('finds messages appended after the last page', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(everything, 0, 100);
      page.release();
      await opened.append('a-9');
      expect(await opened.pokes(everything, page.upTo)).toEqual(['a-9/0@10']);
    });

    test('does not contain messages appended while a page is in use', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(everything, 0, 100);
      await opened.append('a-9');
      expect([page.pokes.length, page.upTo]).toEqual([9, 9]);
      page.release();
    });
  });

  describe('a page of pokes', () => {
    test('lends its pokes until it is released', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(everything, 0, 5);
      const before = opened.pool.stats.leased;
      page.release();
      expect([before, opened.pool.stats.leased]).toEqual([5, 0]);
    });

    test('is empty once it is released', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(everything, 0, 5);
      page.release();
      expect(page.pokes).toHaveLength(0);
    });

    test('returns its pokes once, even if it is released twice', async () => {
      await using opened = await openFilled(open);
      const page = await opened.log.pokes(everything, 0, 5);
      page.release();
      page.release();
      expect(opened.pool.stats.leased).toBe(0);
    });

    test('shares no poke with another page', async () => {
      await using opened = await openFilled(open);
      const one = await opened.log.pokes(everything, 0, 5);
      const two = await opened.log.pokes(everything, 0, 5);
      expect(new Set([...one.pokes, ...two.pokes]).size).toBe(10);
      one.release();
      two.release();
    });
  });
}
