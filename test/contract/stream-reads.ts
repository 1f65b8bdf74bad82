import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { maxPageBytes } from '../../src/store/shared/page-limits.ts';
import { newMessage } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';

const positionsOf = (messages: readonly Message[]) => messages.map(({ position }) => position);
const globalsOf = (messages: readonly Message[]) => messages.map(({ globalPosition }) => globalPosition);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);

export function describeStreamReads({ open }: Suite): void {
  describe('reading a stream', () => {
    test('returns its messages in order, and no others', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'a-2', 'a-1', 'a', 'a-1']) await opened.append(stream);
      expect(globalsOf(await opened.stream('a-1'))).toEqual([1, 3, 5]);
    });

    test.each([
      [-3, [0, 1, 2]],
      [0, [0, 1, 2]],
      [2, [2]],
      [3, []],
      [1_000_000, []],
    ])('from position %i', async (position, expected) => {
      await using opened = await open();
      await opened.append('a-1', 3);
      expect(positionsOf(await opened.stream('a-1', { position }))).toEqual(expected);
    });

    test.each([
      [-1, [0, 1, 2]],
      [0, [0, 1, 2]],
      [2, [1, 2]],
      [3, [1, 2]],
      [4, [2]],
      [5, []],
      [1_000_000, []],
    ])('from global position %i', async (globalPosition, expected) => {
      await using opened = await open();
      for (const stream of ['a-1', 'b-1', 'a-1', 'a-1']) await opened.append(stream);
      expect(positionsOf(await opened.stream('a-1', { globalPosition }))).toEqual(expected);
    });

    test('returns no more than the limit, and where to continue', async () => {
      await using opened = await open();
      await opened.append('a-1', 5);
      const page = await opened.log.readStream('a-1', { position: 1 }, 2);
      expect([positionsOf(page.messages), page.next]).toEqual([[1, 2], 3]);
    });

    test('continues in the unit in which it started', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'b-1', 'a-1', 'b-1', 'a-1']) await opened.append(stream);
      const page = await opened.log.readStream('a-1', { globalPosition: 2 }, 1);
      expect([globalsOf(page.messages), page.next]).toEqual([[3], 5]);
    });

    test('has no next page if the limit falls on the end', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const page = await opened.log.readStream('a-1', { position: 0 }, 2);
      expect([page.messages.length, page.next]).toEqual([2, null]);
    });

    test.each([1, 2, 3, 7])('returns every message once in pages of %i', async (limit) => {
      await using opened = await open();
      for (const stream of ['b-1', 'a-1', 'b-1', 'a-1', 'a-1', 'a-1', 'b-1', 'a-1', 'a-1', 'a-1'])
        await opened.append(stream);
      expect(positionsOf(await opened.stream('a-1', { position: 0 }, limit))).toEqual(range(0, 6));
      expect(positionsOf(await opened.stream('a-1', { globalPosition: 0 }, limit))).toEqual(range(0, 6));
    });

    test('returns at most 1 MiB of payload per page, or one message', async () => {
      await using opened = await open();
      const sizes = [600_000, 500_000, 400_000, 100_000, 2_000_000, 10, 10];
      for (const size of sizes) await opened.append('a-1', [newMessage({ data: `{"a":"${'x'.repeat(size)}"}` })]);
      const pages: number[][] = [];
      for (let next: number | null = 0; next !== null; ) {
        const page = await opened.log.readStream('a-1', { position: next }, 1_000);
        pages.push(page.messages.map(({ data }) => (JSON.parse(data) as { a: string }).a.length));
        next = page.next;
      }
      expect(pages.flat()).toEqual(sizes);
      const tooLarge = pages.filter(
        (page) => page.length > 1 && page.reduce((sum, bytes) => sum + bytes, 0) > maxPageBytes,
      );
      expect(tooLarge).toEqual([]);
    });

    test('that does not exist returns nothing', async () => {
      await using opened = await open();
      await opened.append('a-1');
      const pages = [
        await opened.log.readStream('a-2', { position: 0 }, 10),
        await opened.log.readStream('a-2', { globalPosition: 0 }, 10),
      ];
      const nothing = { messages: [], epoch: opened.log.id, next: null };
      expect(pages).toEqual([nothing, nothing]);
    });
  });

  describe('reading the last message', () => {
    test('returns the last message', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.append('b-1');
      expect((await opened.log.readLast('a-1', undefined))?.position).toBe(2);
    });

    test('of a type returns the last message of exactly that type', async () => {
      await using opened = await open();
      await opened.append(
        'a-1',
        ['A', 'B', 'A', 'a', 'AB'].map((type) => newMessage({ type })),
      );
      expect((await opened.log.readLast('a-1', 'A'))?.position).toBe(2);
    });

    test('returns nothing if there is none', async () => {
      await using opened = await open();
      await opened.append('a-1');
      const found = [await opened.log.readLast('a-2', undefined), await opened.log.readLast('a-1', 'Other')];
      expect(found).toEqual([undefined, undefined]);
    });
  });

  describe('the version of a stream', () => {
    test('is the position of its last message', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      expect(await opened.log.version('a-1')).toBe(2);
    });

    test('is -1 if it has none', async () => {
      await using opened = await open();
      await opened.append('a-1');
      expect(await opened.log.version('a-2')).toBe(-1);
    });
  });
}
