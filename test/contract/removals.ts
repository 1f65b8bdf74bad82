import { expect, test } from 'vitest';
import { everything, newMessage, uuid } from '../support/fake-messages.ts';
import { messagesAt } from '../support/imported-messages.ts';
import { expectGone } from './expect-gone.ts';
import { imported } from './import-into.ts';
import { defaultId } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

export function describeRemovals(suite: Suite): void {
  const { open, describe, test: testWhere, count } = suite;

  describe('logs of several namespaces', ['many namespaces'], () => {
    test('have their own positions, versions and ids', async () => {
      await using opened = await open();
      const other = await opened.create('other');
      await opened.append('a-1', [newMessage({ id: uuid(1), data: '{"a":1}' }), newMessage()]);
      expect(await other.log.append('a-1', [newMessage({ id: uuid(1) })], -1)).toEqual({
        outcome: 'appended',
        position: 0,
        globalPosition: 1,
      });
    });

    testWhere('are counted together in the totals of the store', ['exact counts'], async () => {
      await using opened = await open();
      const other = await opened.create('other');
      await opened.append('a-1', 2);
      await other.append('a-1');
      await other.append('a-2');
      expect(await opened.store.usage()).toMatchObject({ messages: 4, streams: 3, maxBytes: 0 });
    });

    test('are summarized in one call, without removed ones', async () => {
      await using opened = await open();
      const [other, removed] = [await opened.create('other'), await opened.create('removed')];
      await opened.append('a-1', 3);
      await opened.append('b-1');
      await removed.append('a-1', 5);
      await opened.store.namespaces.remove(removed.namespace);
      const last = (await opened.messages()).at(-1)!;
      const ids = [opened.log.id, other.log.id, removed.log.id];
      expect(await opened.store.summarize(ids)).toEqual(
        new Map([
          [opened.log.id, { messages: count(4), streams: count(2), lastActivityMs: last.timeMs }],
          [other.log.id, { messages: 0, streams: 0, lastActivityMs: undefined }],
        ]),
      );
      expect(await opened.store.summarize([])).toEqual(new Map());
    });
  });

  describe('the log of a removed namespace', ['many namespaces'], () => {
    test('is gone for every handle on it, and the removal returns its number of messages', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.append('b-1');
      expect(await opened.store.namespaces.remove(opened.namespace)).toBe(count(4));
      await expectGone(opened.log, suite);
      await expectGone(opened.store.log(opened.log.id), suite);
    });

    test('is not reused by a namespace with the same id', async () => {
      await using opened = await open();
      await opened.store.namespaces.remove(opened.namespace);
      const later = await opened.create(defaultId);
      expect(later.log.id).not.toBe(opened.log.id);
      await later.append('a-1');
      await expectGone(opened.log, suite);
    });

    test('is no longer visible in a later one once the store has had time to free its data', async () => {
      await using opened = await open();
      for (const streams of [['a-1', 'b-1'], ['b-1', 'a-1'], ['c-1']]) {
        const other = await opened.create('other');
        const { head } = await other.log.bounds();
        for (const stream of streams) await other.append(stream, 2);
        expect(await other.pokes(everything)).toEqual(
          streams.flatMap((stream, at) => [0, 1].map((n) => `${stream}/${n}@${head + at * 2 + n + 1}`)),
        );
        for (const stream of streams) expect((await other.stream(stream)).length).toBe(2);
        await opened.store.namespaces.remove(other.namespace);
        // Gives the store turns for its background work.
        for (let turn = 0; turn < 20; turn++) await opened.store.check();
      }
    });

    testWhere('accepts no further batches of an import', ['imports'], async () => {
      await using opened = await open();
      const session = await opened.log.beginImport();
      expect(await session.add(messagesAt('b-1/0@7'))).toEqual(imported);
      await opened.store.namespaces.remove(opened.namespace);
      expect(await session.add(messagesAt('b-1/1@8'))).toEqual({ outcome: 'gone' });
      expect(await session.commit()).toEqual({ outcome: 'gone' });
      await session.abort();
    });

    testWhere('releases its space, and that of no other', ['exact counts'], async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const usage = await opened.store.usage();
      const other = await opened.create('other');
      await other.append('a-1', 3);
      expect(await opened.store.namespaces.remove(other.namespace)).toBe(3);
      expect([await opened.store.usage(), await opened.head()]).toEqual([usage, 2]);
    });
  });

  describe('the log of a namespace whose id was used before', ['many namespaces'], () => {
    test('starts after every position of the earlier one plus one, and reports everything before as forgotten', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.store.namespaces.remove(opened.namespace);
      const later = await opened.create(defaultId);
      const bounds = await later.log.bounds();
      expect(bounds.head).toBeGreaterThanOrEqual(4);
      expect(bounds).toMatchObject({ epoch: later.log.id, head: bounds.head, forgottenUpTo: bounds.head });
      expect(await later.append('a-1')).toBeGreaterThan(bounds.head);
      const page = await later.log.pokes(everything, 3, 10);
      expect([page.pokes.length, page.forgottenUpTo]).toEqual([1, bounds.head]);
      page.release();
    });

    test('starts after all earlier ones, including those without messages', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.store.namespaces.remove(opened.namespace);
      const empty = await opened.create(defaultId);
      const { head } = await empty.log.bounds();
      expect(await opened.store.namespaces.remove(empty.namespace)).toBe(0);
      const later = await opened.create(defaultId);
      expect((await later.log.bounds()).forgottenUpTo).toBeGreaterThan(head);
    });

    testWhere('still reports it as forgotten after it was replaced', ['replacements'], async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.store.namespaces.remove(opened.namespace);
      const later = await opened.create(defaultId);
      const { forgottenUpTo } = await later.log.bounds();
      const session = await opened.store.beginReplacement(later.namespace);
      await session.add(messagesAt('a-1/0@1'));
      await session.commit();
      const replaced = await opened.current();
      expect(await replaced.log.bounds()).toMatchObject({ head: forgottenUpTo, forgottenUpTo });
      expect(placesOf(await replaced.messages())).toEqual(['a-1/0@1']);
    });
  });
}
