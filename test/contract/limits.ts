import { describe, expect, test } from 'vitest';
import { maxListEntries, maxPageMessages, maxPagePokes } from '../../src/store/shared/page-limits.ts';
import { everything } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';
import { everyMessage } from './whole-log.ts';

export function describeLimits({ open }: Suite): void {
  describe.each([Number.POSITIVE_INFINITY, 1_000_000_000])('a limit of %d', (limit) => {
    test('returns a bounded page of a stream, and where to continue', async () => {
      await using opened = await open();
      await opened.appendMany('a-1', maxPageMessages + 500);
      for (const start of [{ position: 0 }, { globalPosition: 0 }]) {
        const page = await opened.log.readStream('a-1', start, limit);
        expect(page.messages.length).toBeLessThanOrEqual(maxPageMessages);
        expect(page.next).not.toBeNull();
      }
      expect((await opened.stream('a-1', { position: 0 }, limit)).length).toBe(maxPageMessages + 500);
    });

    test('returns a bounded page of the log, and where to continue', async () => {
      await using opened = await open();
      await opened.appendMany('a-1', maxPageMessages + 500);
      const page = await opened.log.read(everyMessage, 0, limit);
      expect(page.messages.length).toBeLessThanOrEqual(maxPageMessages);
      expect(page.next).not.toBeNull();
      expect((await opened.messages({}, 0, limit)).length).toBe(maxPageMessages + 500);
    });

    test('returns a bounded page of pokes, which is not at the end', async () => {
      await using opened = await open();
      await opened.appendMany('a-1', maxPagePokes + 500);
      const page = await opened.log.pokes(everything, 0, limit);
      const { length } = page.pokes;
      page.release();
      expect(length).toBeLessThanOrEqual(maxPagePokes);
      expect([page.atEnd, page.upTo]).toEqual([false, length]);
      expect((await opened.pokes(everything, 0, limit)).length).toBe(maxPagePokes + 500);
    });

    test('returns bounded lists, which end at the store’s last entry', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'b-1', 'a-2']) await opened.append(stream);
      expect((await opened.log.listStreams('', undefined, limit)).length).toBe(3);
      expect((await opened.log.listCategories(undefined, limit)).length).toBe(2);
      expect((await opened.store.namespaces.list(undefined, limit)).length).toBe(1);
    });
  });

  describe('a list', () => {
    test('has at most its maximum length, and continues after its last entry', async () => {
      await using opened = await open();
      const names = Array.from(
        { length: maxListEntries + 1 },
        (_value, index) => `a${String(index).padStart(5, '0')}-1`,
      );
      // In batches, because on a busy machine the last one would exceed the store's time-out.
      for (let from = 0; from < names.length; from += 500) {
        await Promise.all(names.slice(from, from + 500).map((name) => opened.append(name)));
      }
      const streams = await opened.log.listStreams('', undefined, Number.POSITIVE_INFINITY);
      const categories = await opened.log.listCategories(undefined, Number.POSITIVE_INFINITY);
      expect([streams.length, categories.length]).toEqual([maxListEntries, maxListEntries]);
      expect((await opened.log.listStreams('', streams.at(-1)!.stream, 10)).length).toBe(1);
      expect((await opened.log.listCategories(categories.at(-1)!.category, 10)).length).toBe(1);
    });
  });
}
