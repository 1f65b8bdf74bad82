import { describe, expect, test } from 'vitest';
import type { Namespace, NamespaceStore, TokenRecord } from '../../src/store/namespace-store.ts';

const token = (id: string): TokenRecord => ({
  id,
  label: `label of ${id}`,
  hash: id.padEnd(64, '0'),
  scope: 'write',
  createdAtMs: 1_700_000_000_000,
  expiresAtMs: 1_800_000_000_000,
});

/** A namespace with two tokens, whose log is named after it. */
export const namespaceOf = (id: string, log = `log of ${id}`): Namespace => ({
  id,
  log,
  behind: 0,
  description: `Namespace "${id}"`,
  createdAtMs: 1_700_000_000_001,
  tokens: [token('one'), { ...token('two'), expiresAtMs: undefined, scope: 'admin' }],
});

/** Everything that `src/store/namespace-store.ts` promises. Every store runs it. */
export function describeNamespaces(name: string, open: () => Promise<NamespaceStore>): void {
  describe(name, () => {
    test('keeps every field of a namespace and of its tokens', async () => {
      const store = await open();
      expect(await store.create(namespaceOf('a'))).toBe(true);
      expect(await store.find('a')).toEqual(namespaceOf('a'));
    });

    test('finds nothing where nothing is, whatever the name', async () => {
      const store = await open();
      for (const id of ['a', '', 'constructor', '__proto__']) expect(await store.find(id)).toBeUndefined();
      expect(await store.list()).toEqual([]);
    });

    test('creates an id once, and the second try changes nothing', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      expect(await store.create({ ...namespaceOf('a', 'another log'), tokens: [] })).toBe(false);
      expect(await store.find('a')).toEqual(namespaceOf('a'));
    });

    test('lets one of simultaneous creations of an id pass', async () => {
      const store = await open();
      const created = await Promise.all(
        Array.from({ length: 16 }, (_value, n) => store.create(namespaceOf('a', `${n}`))),
      );
      const first = created.indexOf(true);
      expect(created.filter((isCreated) => isCreated)).toHaveLength(1);
      expect((await store.find('a'))?.log).toBe(String(first));
    });

    test('tells ids apart by every letter', async () => {
      const store = await open();
      const ids = ['a', 'A', 'a-b', 'a_b', 'a.b', 'ab'];
      for (const id of ids) expect(await store.create(namespaceOf(id))).toBe(true);
      for (const id of ids) expect((await store.find(id))?.log).toBe(`log of ${id}`);
    });

    test('lists all of them by id, in the order of bytes', async () => {
      const store = await open();
      for (const id of ['b', 'a1', 'B', 'a', '9', 'a.b', 'a-b', 'a_b']) await store.create(namespaceOf(id));
      const list = await store.list();
      expect(list.map(({ id }) => id)).toEqual(['9', 'B', 'a', 'a-b', 'a.b', 'a1', 'a_b', 'b']);
      expect(list[0]).toEqual(namespaceOf('9'));
    });

    test('puts other tokens in place of those of a namespace, and changes nothing else', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      await store.create(namespaceOf('b'));
      expect(await store.setTokens(namespaceOf('a'), [token('three')])).toBe(true);
      const changed = { ...namespaceOf('a'), tokens: [token('three')] };
      expect(await store.find('a')).toEqual(changed);
      expect(await store.find('b')).toEqual(namespaceOf('b'));
      expect(await store.setTokens(changed, [])).toBe(true);
      expect((await store.find('a'))?.tokens).toEqual([]);
    });

    test('does not put tokens in place of others than those the namespace was found with', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      const found = (await store.find('a'))!;
      expect(await store.setTokens(found, [...found.tokens, token('three')])).toBe(true);
      // Another node, which knows nothing of the third one, revokes the first.
      expect(await store.setTokens(found, found.tokens.slice(1))).toBe(false);
      expect(await store.setTokens({ ...found, tokens: [token('three')] }, [])).toBe(false);
      expect((await store.find('a'))?.tokens.map(({ id }) => id)).toEqual(['one', 'two', 'three']);
    });

    test('lets one of simultaneous changes of the same tokens pass', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      const changes = Array.from({ length: 16 }, (_value, n) => store.setTokens(namespaceOf('a'), [token(`new ${n}`)]));
      const changed = await Promise.all(changes);
      expect(changed.filter((isChanged) => isChanged)).toHaveLength(1);
      expect((await store.find('a'))?.tokens).toEqual([token(`new ${changed.indexOf(true)}`)]);
    });

    test('takes a namespace away, and its id can be used again', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      await store.create(namespaceOf('b'));
      expect(await store.remove(namespaceOf('a'), 0)).toBe(true);
      expect([await store.find('a'), (await store.list()).map(({ id }) => id)]).toEqual([undefined, ['b']]);
      expect(await store.create(namespaceOf('a', 'another log'))).toBe(true);
      expect((await store.find('a'))?.log).toBe('another log');
    });

    test('keeps how far the removed namespaces of an id came, for the next one to begin behind', async () => {
      const store = await open();
      expect(await store.formerHead('a')).toBe(0);
      await store.create(namespaceOf('a'));
      await store.remove(namespaceOf('a'), 7);
      expect(await store.formerHead('a')).toBeGreaterThanOrEqual(7);
      const next = { ...namespaceOf('a', 'another log'), behind: await store.formerHead('a') };
      expect(await store.create(next)).toBe(true);
      expect(await store.find('a')).toEqual(next);
      // It got no message, so its log has no head of its own.
      await store.remove(next, 0);
      expect(await store.formerHead('a')).toBeGreaterThanOrEqual(7);
    });

    test('does not create a namespace that would begin within an earlier one of its id', async () => {
      const store = await open();
      const behind = await store.formerHead('a');
      await store.create(namespaceOf('a'));
      await store.remove(namespaceOf('a'), 7);
      expect(await store.create({ ...namespaceOf('a', 'another log'), behind })).toBe(false);
      expect(await store.create({ ...namespaceOf('a', 'another log'), behind: 6 })).toBe(false);
      expect(await store.find('a')).toBeUndefined();
    });

    test('does not keep the head of what it did not take away', async () => {
      const store = await open();
      await store.create(namespaceOf('a', 'another log'));
      expect(await store.remove(namespaceOf('a'), 7)).toBe(false);
      await store.remove(namespaceOf('a', 'another log'), 3);
      expect(await store.create({ ...namespaceOf('a'), behind: 3 })).toBe(true);
    });

    test('does not take a namespace for an earlier one of the same id', async () => {
      const store = await open();
      const later = namespaceOf('a', 'another log');
      await store.create(later);
      expect(await store.setTokens(namespaceOf('a'), [])).toBe(false);
      expect(await store.remove(namespaceOf('a'), 0)).toBe(false);
      expect(await store.find('a')).toEqual(later);
    });

    test('says that what does not exist cannot be changed or taken away', async () => {
      const store = await open();
      expect([await store.setTokens(namespaceOf('a'), []), await store.remove(namespaceOf('a'), 0)]).toEqual([
        false,
        false,
      ]);
      expect(await store.find('a')).toBeUndefined();
    });

    test('lets one of simultaneous removals pass', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      const removed = await Promise.all(Array.from({ length: 8 }, () => store.remove(namespaceOf('a'), 0)));
      expect(removed.filter((isRemoved) => isRemoved)).toHaveLength(1);
    });

    test('gives what later changes do not touch', async () => {
      const store = await open();
      await store.create(namespaceOf('a'));
      const found = await store.find('a');
      await store.setTokens(namespaceOf('a'), []);
      expect(found).toEqual(namespaceOf('a'));
    });
  });
}
