import { expect, test } from 'vitest';
import type { NamespaceStore, NewNamespace, TokenRecord } from '../../src/store/namespace-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { defaultId, newNamespace } from './opened-store.ts';
import type { Suite } from './suite.ts';

const token = (id: string): TokenRecord => ({
  id,
  label: `label of ${id}`,
  hash: id.padEnd(64, '0'),
  scope: 'write',
  createdAtMs: 1_700_000_000_000,
  expiresAtMs: 1_800_000_000_000,
});

/** A namespace with two tokens. */
const withTokens = (id: string): NewNamespace =>
  newNamespace(id, {
    description: `Namespace "${id}"`,
    tokens: [token('one'), { ...token('two'), expiresAtMs: undefined, scope: 'admin' }],
  });

const idsOf = (namespaces: readonly { readonly id: string }[]) => namespaces.map(({ id }) => id);

/** All namespaces, read with this page limit. */
async function listAll(namespaces: NamespaceStore, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let page = ['']; page.length > 0; ids.push(...page)) page = idsOf(await namespaces.list(ids.at(-1), limit));
  return ids;
}

export function describeNamespaces(suite: Suite): void {
  describeCreation(suite);
  describeTokens(suite);
}

function describeCreation({ open, describe }: Suite): void {
  describe('namespaces', ['many namespaces'], () => {
    test('keep every field, and those of their tokens', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const given = withTokens('a');
      const created = await createNamespace(namespaces, given);
      expect(created).toEqual({ ...given, retention: [], log: expect.stringMatching(/^[\w-]{1,64}$/) });
      expect(await namespaces.find('a')).toEqual(created);
      expect(await namespaces.list(undefined, 1)).toEqual([created]);
    });

    test('are not found if they do not exist, whatever the name', async () => {
      await using opened = await open();
      for (const id of ['a', '', 'constructor', '__proto__']) {
        expect(await opened.store.namespaces.find(id)).toBeUndefined();
      }
      expect(idsOf(await opened.store.namespaces.list(undefined, 10))).toEqual([defaultId]);
    });

    test('are created once per id, and a second attempt changes nothing', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const created = await createNamespace(namespaces, withTokens('a'));
      expect(await namespaces.create(newNamespace('a'))).toEqual({ outcome: 'exists' });
      expect(await namespaces.find('a')).toEqual(created);
    });

    test('are created by exactly one of concurrent creations of an id', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const created = await Promise.all(Array.from({ length: 16 }, () => namespaces.create(newNamespace('a'))));
      const [first, ...others] = created.filter(({ outcome }) => outcome !== 'exists');
      expect(others).toEqual([]);
      expect(first).toEqual({ outcome: 'created', namespace: await namespaces.find('a') });
    });

    test('are distinguished by every letter of their ids', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const logs = [];
      for (const id of ['a', 'A', 'a-b', 'a_b', 'a.b', 'ab'])
        logs.push((await createNamespace(namespaces, newNamespace(id))).log);
      expect(new Set(logs).size).toBe(6);
    });

    test('are listed by id, in byte order', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      for (const id of ['b', 'a1', 'B', 'a', '9', 'a.b', 'a-b', 'a_b']) await namespaces.create(newNamespace(id));
      const ordered = ['9', 'B', 'a', 'a-b', 'a.b', 'a1', 'a_b', 'b', defaultId];
      expect(idsOf(await namespaces.list(undefined, 100))).toEqual(ordered);
      for (const limit of [1, 2, 4, 9]) expect(await listAll(namespaces, limit)).toEqual(ordered);
    });

    test.each([
      [undefined, 2, ['a', 'b']],
      ['a', 2, ['b', 'c']],
      ['aa', 1, ['b']],
      ['c', 2, [defaultId]],
      [defaultId, 2, []],
      ['z', 2, []],
    ])('are listed behind %j, exclusive, and %i at most', async (after, limit, expected) => {
      await using opened = await open();
      for (const id of ['c', 'a', 'b']) await opened.store.namespaces.create(newNamespace(id));
      expect(idsOf(await opened.store.namespaces.list(after, limit))).toEqual(expected);
    });

    test('are removed, and their ids can be used again', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const created = await createNamespace(namespaces, withTokens('a'));
      expect(await namespaces.remove(created)).toBe(0);
      expect(await namespaces.find('a')).toBeUndefined();
      expect(idsOf(await namespaces.list(undefined, 10))).toEqual([defaultId]);
      const again = await createNamespace(namespaces, newNamespace('a'));
      expect([again.log === created.log, again.tokens]).toEqual([false, []]);
    });

    test('are removed by exactly one of concurrent removals', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const removals = Array.from({ length: 8 }, () => namespaces.remove(opened.namespace));
      expect((await Promise.all(removals)).filter((messages) => messages !== undefined)).toHaveLength(1);
    });

    test('are removed even if their tokens have changed', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      await namespaces.setTokens(opened.namespace, [token('one')]);
      expect(await namespaces.remove(opened.namespace)).toBe(0);
    });

    test('are not confused with earlier ones of the same id', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const earlier = await createNamespace(namespaces, withTokens('a'));
      await namespaces.remove(earlier);
      const later = await createNamespace(namespaces, withTokens('a'));
      expect(await namespaces.setTokens(earlier, [])).toBe(false);
      expect(await namespaces.remove(earlier)).toBeUndefined();
      expect(await namespaces.find('a')).toEqual(later);
    });

    test('that do not exist cannot be changed or removed', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const none = { ...newNamespace('none'), log: opened.namespace.log, retention: [] };
      expect([await namespaces.setTokens(none, []), await namespaces.remove(none)]).toEqual([false, undefined]);
      expect(await namespaces.find('none')).toBeUndefined();
    });
  });
}

function describeTokens({ open, describe }: Suite): void {
  describe('the tokens of a namespace', [], () => {
    test('are replaced, and nothing else changes', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const { tokens } = withTokens('any');
      expect(await namespaces.setTokens(opened.namespace, tokens)).toBe(true);
      const found = (await namespaces.find(defaultId))!;
      expect(found).toEqual({ ...opened.namespace, tokens });
      expect(await namespaces.setTokens(found, [token('three')])).toBe(true);
      expect((await namespaces.find(defaultId))!.tokens).toEqual([token('three')]);
    });

    test('are not replaced if they have changed since the namespace was read', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      await namespaces.setTokens(opened.namespace, [token('one'), token('two')]);
      const found = (await namespaces.find(defaultId))!;
      expect(await namespaces.setTokens(found, [...found.tokens, token('three')])).toBe(true);
      // Another node, which does not know the third token, revokes the first.
      expect(await namespaces.setTokens(found, found.tokens.slice(1))).toBe(false);
      expect(await namespaces.setTokens({ ...found, tokens: [token('three')] }, [])).toBe(false);
      expect((await namespaces.find(defaultId))!.tokens.map(({ id }) => id)).toEqual(['one', 'two', 'three']);
    });

    test('are replaced by exactly one of concurrent changes', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      const changes = Array.from({ length: 16 }, (_value, n) =>
        namespaces.setTokens(opened.namespace, [token(`${n}`)]),
      );
      const changed = await Promise.all(changes);
      expect(changed.filter((isChanged) => isChanged)).toHaveLength(1);
      expect((await namespaces.find(defaultId))!.tokens).toEqual([token(`${changed.indexOf(true)}`)]);
    });

    test('do not change in a namespace that was read earlier', async () => {
      await using opened = await open();
      const found = (await opened.store.namespaces.find(defaultId))!;
      await opened.store.namespaces.setTokens(found, [token('one')]);
      expect(found.tokens).toEqual([]);
    });
  });
}
