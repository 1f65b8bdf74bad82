import { expect, test } from 'vitest';
import { everything, newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import { expectGone } from './expect-gone.ts';
import { defaultId } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

export function describeSecondHandle(suite: Suite): void {
  const { open, describe, test: testWhere, count } = suite;

  describe('two handles on one storage', ['a second handle'], () => {
    test('access the same log', async () => {
      await using opened = await open();
      const second = await opened.second();
      expect(second.namespace).toEqual(opened.namespace);
      await opened.append('a-1', 3);
      expect(await second.log.bounds()).toMatchObject({ epoch: opened.log.id, head: 3, forgottenUpTo: 0 });
    });

    test('read the appends of both, in the same order', async () => {
      await using opened = await open();
      const second = await opened.second();
      for (const [index, handle] of [opened, second, second, opened].entries())
        await handle.append(`a-${index % 2}`, 2);
      const expected = [0, 1, 0, 1].flatMap((stream, index) =>
        [0, 1].map((n) => `a-${stream}/${(index >= 2 ? 2 : 0) + n}@${index * 2 + n + 1}`),
      );
      for (const handle of [opened, second]) {
        expect(await handle.pokes(everything)).toEqual(expected);
        expect(placesOf(await handle.messages())).toEqual(expected);
        expect(await handle.log.version('a-0')).toBe(3);
        expect(await handle.log.describeStream('a-1')).toMatchObject({ version: 3, messageCount: count(4) });
      }
    });

    test('give concurrent appends of both distinct positions', async () => {
      await using opened = await open();
      const second = await opened.second();
      await Promise.all(Array.from({ length: 64 }, (_value, n) => [opened, second][n % 2]!.append('a-1', 3)));
      const positions = (await second.stream('a-1')).map(({ position }) => position);
      expect(positions).toEqual(Array.from({ length: 192 }, (_value, index) => index));
    });

    test('check versions and ids against the appends of the other', async () => {
      await using opened = await open();
      const second = await opened.second();
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      expect(await second.log.append('a-1', newMessages(1), -1)).toEqual({
        outcome: 'version-conflict',
        expected: -1,
        actual: 0,
      });
      const known = { outcome: 'known', position: 0, globalPosition: 1 };
      expect(await second.log.append('a-1', [message], undefined)).toEqual(known);
      const other = newMessage({ id: uuid(1), type: 'Other' });
      expect(await second.log.append('a-1', [other], undefined)).toEqual({ outcome: 'duplicate-id', id: uuid(1) });
      expect((await second.log.append('a-1', newMessages(1), 0)).outcome).toBe('appended');
    });

    test('accept one of equal appends of both', async () => {
      await using opened = await open();
      const second = await opened.second();
      const appends = [opened, second, opened, second].map(({ log }) => log.append('a-1', newMessages(1), -1));
      const outcomes = (await Promise.all(appends)).map(({ outcome }) => outcome).sort();
      expect(outcomes).toEqual(['appended', ...Array(3).fill('version-conflict')]);
    });

    testWhere('share the tokens of a namespace, and see changes of the other', ['stored tokens'], async () => {
      await using opened = await open();
      const second = await opened.second();
      const { revision } = await second.store.namespaces.changesSince(undefined);
      const token = {
        id: 'one',
        label: '',
        hash: '0'.repeat(64),
        scope: 'read',
        createdAtMs: 1,
        expiresAtMs: 2,
      } as const;
      expect(await opened.store.namespaces.setTokens(opened.namespace, [token])).toBe(true);
      expect((await second.store.namespaces.find(defaultId))?.tokens).toEqual([token]);
      const changes = await second.store.namespaces.changesSince(revision);
      expect(changes.ids === 'all' || changes.ids.includes(defaultId)).toBe(true);
      // Read before the change, so its tokens are outdated.
      expect(await second.store.namespaces.setTokens(second.namespace, [])).toBe(false);
    });

    testWhere('both lose a log that one of them replaces', ['replacements'], async () => {
      await using opened = await open();
      const second = await opened.second();
      await opened.append('a-1', 3);
      const { revision } = await second.store.namespaces.changesSince(undefined);
      const replaced = await opened.replaceBy('b-1/0@1');
      await expectGone(second.log, suite);
      const changes = await second.store.namespaces.changesSince(revision);
      expect(changes.ids === 'all' || changes.ids.includes(defaultId)).toBe(true);
      expect((await second.current()).log.id).toBe(replaced.log.id);
    });

    testWhere('both lose a namespace that one of them removes', ['many namespaces'], async () => {
      await using opened = await open();
      const second = await opened.second();
      await second.append('a-1', 3);
      expect(await second.store.namespaces.remove(second.namespace)).toBe(count(3));
      expect(await opened.store.namespaces.find(defaultId)).toBeUndefined();
      expect(await opened.store.namespaces.remove(opened.namespace)).toBeUndefined();
      await expectGone(opened.log, suite);
      const later = await opened.create(defaultId);
      expect(await second.store.namespaces.find(defaultId)).toEqual(later.namespace);
    });

    test('are closed independently', async () => {
      await using opened = await open();
      const second = await opened.second();
      await second.close();
      expect(await opened.append('a-1', 2)).toBe(2);
    });
  });
}
