import { describe, expect, test } from 'vitest';
import { newLogId } from '../../src/store/log-id.ts';
import { everything } from '../support/fake-messages.ts';
import { messageAt } from '../support/imported-messages.ts';
import { expectGone } from './expect-gone.ts';
import { importInto } from './import-into.ts';
import type { Suite } from './suite.ts';
import { everyMessage } from './whole-log.ts';

export function describeBounds(suite: Suite): void {
  const { open, test: testWhere } = suite;

  describe('the bounds of a log', () => {
    test('are empty before its first message, and already have its id as epoch', async () => {
      await using opened = await open();
      const before = await opened.log.bounds();
      expect(before).toMatchObject({ epoch: opened.namespace.log, head: 0, forgottenUpTo: 0 });
      expect(before.epoch).toMatch(/^[\w-]{1,64}$/);
      await opened.append('a-1', 3);
      expect(await opened.log.bounds()).toEqual({ ...before, head: 3 });
    });

    test('have the global position of the last message as head', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      expect(await opened.append('b-1')).toBe(await opened.head());
    });

    test('have a different epoch in each store', async () => {
      await using one = await open();
      await using other = await open();
      expect(one.log.id).not.toBe(other.log.id);
    });

    testWhere('have another epoch for each namespace', ['many namespaces'], async () => {
      await using opened = await open();
      const ids = [opened.log.id, (await opened.create('a')).log.id, (await opened.create('b')).log.id];
      expect(new Set(ids).size).toBe(3);
    });

    testWhere('keep their epoch through an import', ['imports'], async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await importInto(opened, [[messageAt('b-1/0@7')]]);
      expect(await opened.log.bounds()).toMatchObject({ epoch: opened.log.id, head: 7, forgottenUpTo: 0 });
    });

    testWhere(
      'have a number that rises, as pages do, when an import puts messages at or below the head',
      ['imports'],
      async () => {
        await using opened = await open();
        const importsBelowHead = async () => {
          const page = await opened.log.pokes(everything, 0, 10);
          page.release();
          const bounds = await opened.log.bounds();
          expect(page.importsBelowHead).toBe(bounds.importsBelowHead);
          return bounds.importsBelowHead;
        };
        await opened.append('a-1', 2);
        const before = await importsBelowHead();
        await importInto(opened, [[messageAt('b-1/9@9')]]);
        await opened.append('a-1');
        expect(await importsBelowHead()).toBe(before);
        await importInto(opened, [[messageAt('b-1/5@5')]]);
        const behind = await importsBelowHead();
        expect(behind).toBeGreaterThan(before);
        await importInto(opened, [[messageAt('b-2/7@7')]]);
        expect(await importsBelowHead()).toBeGreaterThan(behind);
      },
    );
  });

  describe('a page', () => {
    test('of messages has the id of the log that it was read from', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const pages = [
        await opened.log.read(everyMessage, 0, 1),
        await opened.log.read(everyMessage, 3, 1),
        await opened.log.readStream('a-1', { position: 0 }, 1),
        await opened.log.readStream('none', { globalPosition: 0 }, 1),
      ];
      expect(pages.map(({ epoch }) => epoch)).toEqual(Array(4).fill(opened.log.id));
    });

    test('of pokes has the id of the log that it was read from, and its deleted range', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      for (const after of [0, 1, 2, 9]) {
        const page = await opened.log.pokes(everything, after, 1);
        page.release();
        expect([page.epoch, page.forgottenUpTo]).toEqual([opened.log.id, 0]);
      }
    });
  });

  describe('a log that never was', () => {
    test('is gone', async () => {
      await using opened = await open();
      await expectGone(opened.store.log(newLogId()), suite);
    });
  });

  describe('the check', () => {
    test('resolves while the store can be used', async () => {
      await using opened = await open();
      await expect(opened.store.check()).resolves.toBeUndefined();
    });
  });
}
