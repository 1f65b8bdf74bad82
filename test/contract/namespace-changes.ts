import { expect, test } from 'vitest';
import type { NamespaceChanges, TokenRecord } from '../../src/store/namespace-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { defaultId, newNamespace } from './opened-store.ts';
import type { Suite } from './suite.ts';

/** More changes than a store needs to remember. */
const manyChanges = 2_500;

const token = (id: string): TokenRecord => ({
  id,
  label: '',
  hash: id.padEnd(64, '0'),
  scope: 'read',
  createdAtMs: 1,
  expiresAtMs: undefined,
});

/** A store may always answer that everything may have changed. */
function expectIds({ ids }: NamespaceChanges, expected: readonly string[]): void {
  if (ids !== 'all') expect([...ids].sort()).toEqual(expected);
}

export function describeNamespaceChanges({ open, describe, test: testWhere }: Suite): void {
  describe('the changes of namespaces', [], () => {
    test('since now are none', async () => {
      await using opened = await open();
      const now = await opened.store.namespaces.changesSince(undefined);
      expect(now.ids).toEqual([]);
      expect(await opened.store.namespaces.changesSince(now.revision)).toEqual(now);
    });

    test('name a namespace whose tokens were replaced, once', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const { revision } = await namespaces.changesSince(undefined);
      await namespaces.setTokens(opened.namespace, [token('one')]);
      await namespaces.setTokens({ ...opened.namespace, tokens: [token('one')] }, [token('two')]);
      const changes = await namespaces.changesSince(revision);
      expectIds(changes, [defaultId]);
      expect(changes.ids).not.toEqual([]);
      expect((await namespaces.changesSince(changes.revision)).ids).toEqual([]);
    });

    test('do not include refused changes', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      await namespaces.setTokens(opened.namespace, [token('one')]);
      const { revision } = await namespaces.changesSince(undefined);
      expect(await namespaces.setTokens(opened.namespace, [])).toBe(false);
      expect((await namespaces.changesSince(revision)).ids).toEqual([]);
    });

    test('include all namespaces if the store does not know the revision', async () => {
      await using opened = await open();
      const { revision } = await opened.store.namespaces.changesSince(undefined);
      expect(await opened.store.namespaces.changesSince(revision + 1_000)).toEqual({ revision, ids: 'all' });
    });

    testWhere('include an earlier change after many others, or all namespaces', ['many namespaces'], async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const { revision } = await namespaces.changesSince(undefined);
      await namespaces.create(newNamespace('early'));
      let found = opened.namespace;
      for (let n = 0; n < manyChanges; n++) {
        const tokens = [token(`${n}`)];
        expect(await namespaces.setTokens(found, tokens)).toBe(true);
        found = { ...found, tokens };
      }
      const changes = await namespaces.changesSince(revision);
      expectIds(changes, [defaultId, 'early']);
      expect((await namespaces.changesSince(changes.revision)).ids).toEqual([]);
    });

    testWhere('include namespaces that were created and removed', ['many namespaces'], async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const { revision } = await namespaces.changesSince(undefined);
      await namespaces.create(newNamespace('a'));
      await namespaces.create(newNamespace('a'));
      const b = await createNamespace(namespaces, newNamespace('b'));
      const created = await namespaces.changesSince(revision);
      expectIds(created, ['a', 'b']);
      await namespaces.remove(b);
      await namespaces.remove(b);
      expectIds(await namespaces.changesSince(created.revision), ['b']);
      expectIds(await namespaces.changesSince(revision), ['a', 'b']);
    });

    testWhere('include namespaces whose log was replaced', ['replacements'], async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const { revision } = await namespaces.changesSince(undefined);
      const session = await opened.store.beginReplacement(opened.namespace);
      expect((await namespaces.changesSince(revision)).ids).toEqual([]);
      await session.commit();
      const changes = await namespaces.changesSince(revision);
      expectIds(changes, [defaultId]);
      expect(changes.ids).not.toEqual([]);
    });
  });

  describe('a follower of namespaces', [], () => {
    test('finds the change when a hint arrives', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const { revision } = await namespaces.changesSince(undefined);
      const asked: Promise<NamespaceChanges>[] = [];
      const stop = namespaces.follow(() => asked.push(namespaces.changesSince(revision)));
      await namespaces.setTokens(opened.namespace, [token('one')]);
      await namespaces.find(defaultId);
      stop();
      for (const changes of await Promise.all(asked)) expectIds(changes, [defaultId]);
    });

    test('is not notified after it has stopped, and may stop twice', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      let hints = 0;
      const stop = namespaces.follow(() => hints++);
      stop();
      stop();
      await namespaces.setTokens(opened.namespace, [token('one')]);
      await namespaces.find(defaultId);
      expect(hints).toBe(0);
    });

    test('receives nothing after it has stopped, even if the same function was registered twice', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      let hints = 0;
      const hear = () => hints++;
      const stops = [namespaces.follow(hear), namespaces.follow(hear)];
      stops[0]!();
      await namespaces.setTokens(opened.namespace, [token('one')]);
      stops[1]!();
      const before = hints;
      const now = await namespaces.find(defaultId);
      await namespaces.setTokens(now!, [token('two')]);
      await namespaces.find(defaultId);
      expect(hints).toBe(before);
    });
  });
}
