import { describe, expect, test } from 'vitest';
import { everything, newMessage, newMessages, selectionOf, uuid } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';

export function describeErasure(suite: Suite): void {
  const { open, count } = suite;

  suite.describe('Erasing', ['erasure'], () => {
    test('a message removes it from every read, and does not affect others', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(7), data: '{"secret":1}' });
      await opened.append('a-1');
      await opened.append('a-1', [message]);
      await opened.append('b-1');
      await opened.append('a-1');
      expect(await opened.log.erase('a-1', 1)).toBe(1);
      expect((await opened.stream('a-1')).map(({ position }) => position)).toEqual([0, 2]);
      expect((await opened.stream('a-1', { globalPosition: 2 })).map(({ position }) => position)).toEqual([2]);
      expect((await opened.messages()).map(({ globalPosition }) => globalPosition)).toEqual([1, 3, 4]);
      expect(await opened.pokes(selectionOf({ categories: ['a'] }), 0, 10)).toEqual(['a-1/0@1', 'a-1/2@4']);
      expect(await opened.log.describeStream('a-1')).toMatchObject({ version: 2, messageCount: count(2) });
      expect(await opened.log.erase('a-1', 1)).toBe(0);
    });

    test('the last message leaves version and head unchanged', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await opened.log.erase('a-1', 1);
      expect(await opened.log.version('a-1')).toBe(1);
      expect((await opened.log.readLast('a-1', undefined))?.position).toBe(0);
      expect(await opened.head()).toBe(2);
      expect(await opened.log.last(everything, 0, 2)).toBe(1);
      const outcome = await opened.log.append('a-1', newMessages(1), 1);
      expect(outcome).toEqual({ outcome: 'appended', position: 2, globalPosition: 3 });
    });

    test('a stream removes all its messages, however many, and its positions continue', async () => {
      await using opened = await open();
      await opened.append('a-1', 2_500);
      await opened.append('a-2', 2);
      expect(await opened.log.erase('a-1', undefined)).toBe(2_500);
      expect(await opened.log.erase('none-1', undefined)).toBe(0);
      expect((await opened.messages()).map(({ stream }) => stream)).toEqual(['a-2', 'a-2']);
      expect(await opened.log.describeStream('a-1')).toMatchObject({ version: 2_499, messageCount: count(0) });
      const outcome = await opened.log.append('a-1', newMessages(1), undefined);
      expect(outcome).toEqual({ outcome: 'appended', position: 2_500, globalPosition: 2_503 });
    });

    test('does not count as retention: earlier cursors miss no existing message', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.log.erase('a-1', 1);
      expect(await opened.log.bounds()).toMatchObject({ head: 3, forgottenUpTo: 0, importsBelowHead: 0 });
    });

    test('announces nothing', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const announced: unknown[] = [];
      const unfollow = opened.log.follow((announcement) => announced.push(announcement));
      await opened.log.erase('a-1', undefined);
      unfollow();
      expect(announced).toEqual([]);
    });

    test('frees bytes and ids', async () => {
      await using opened = await open();
      await opened.append('a-1');
      const { bytes } = await opened.store.usage();
      const message = newMessage({ id: uuid(3) });
      await opened.append('a-1', [message]);
      await opened.log.erase('a-1', 1);
      expect(await opened.store.usage()).toMatchObject({ bytes, messages: count(1) });
      expect(await opened.log.append('a-1', [message], undefined)).toMatchObject({ outcome: 'appended', position: 2 });
    });

    suite.test('survives a restart', ['durability', 'reopening'], async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.log.erase('a-1', 2);
      const reopened = await opened.reopen();
      expect((await reopened.stream('a-1')).map(({ position }) => position)).toEqual([0, 1]);
      expect(await reopened.log.version('a-1')).toBe(2);
    });

    test('of a log that is gone is refused', async () => {
      await using opened = await open();
      const gone = opened.store.log('no-such-log' as typeof opened.log.id);
      await expect(gone.erase('a-1', 0)).rejects.toMatchObject({ code: 'LOG_GONE' });
      await expect(gone.kept({ category: undefined, limits: {} }, 0)).rejects.toMatchObject({ code: 'LOG_GONE' });
    });
  });

  describe('A store without erasure', () => {
    test.skipIf(suite.capabilities.erasure)('says so', async () => {
      await using opened = await open();
      const notSupported = { code: 'NOT_SUPPORTED', details: { support: 'erasure' } };
      await expect(opened.log.erase('a-1', 0)).rejects.toMatchObject(notSupported);
    });
  });
}
