import { expect, test } from 'vitest';
import type { TokenRecord } from '../../src/store/namespace-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { defaultId, newNamespace } from './opened-store.ts';
import type { Suite } from './suite.ts';

const tokens = (count: number, label = ''): TokenRecord[] =>
  Array.from({ length: count }, (_value, index) => ({
    id: `token-${index}`,
    label,
    hash: String(index).padStart(64, '0'),
    scope: 'read',
    createdAtMs: 1_700_000_000_000,
    expiresAtMs: undefined,
  }));

export function describeNamespaceLimits(suite: Suite): void {
  const { open, describe } = suite;

  describe('the number of namespaces', ['many namespaces'], () => {
    test('is bounded, and removing one allows another one', async () => {
      await using opened = await open({ maxNamespaces: 3 });
      const { namespaces } = opened.store;
      const a = await createNamespace(namespaces, newNamespace('a'));
      await createNamespace(namespaces, newNamespace('b'));
      expect(await namespaces.create(newNamespace('c'))).toEqual({ outcome: 'too-many', maxNamespaces: 3 });
      expect(await namespaces.find('c')).toBeUndefined();
      await namespaces.remove(a);
      await createNamespace(namespaces, newNamespace('c'));
    });

    test('is not checked for an id that exists', async () => {
      await using opened = await open({ maxNamespaces: 1 });
      expect(await opened.store.namespaces.create(newNamespace(defaultId))).toEqual({ outcome: 'exists' });
    });

    test('holds for concurrent creations', async () => {
      await using opened = await open({ maxNamespaces: 5 });
      const { namespaces } = opened.store;
      const ids = Array.from({ length: 16 }, (_value, index) => `a${index}`);
      const outcomes = await Promise.all(ids.map((id) => namespaces.create(newNamespace(id))));
      expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(4);
      expect(await namespaces.list(undefined, 100)).toHaveLength(5);
    });
  });

  describe('the bytes of a namespace', ['many namespaces', 'a byte limit'], () => {
    test('include its texts and tokens, and are released at its removal', async () => {
      await using opened = await open();
      const bytes = async () => (await opened.store.usage()).bytes;
      const { namespaces } = opened.store;
      const before = await bytes();
      const plain = await createNamespace(namespaces, newNamespace('a'));
      const ofPlain = (await bytes()) - before;
      await createNamespace(namespaces, newNamespace('b', { description: 'x'.repeat(1_000), tokens: tokens(2) }));
      const ofBoth = (await bytes()) - before;
      expect(ofPlain).toBeGreaterThan(0);
      expect(ofBoth - ofPlain).toBeGreaterThan(ofPlain + 1_000);
      await namespaces.remove(plain);
      expect((await bytes()) - before).toBe(ofBoth - ofPlain);
      await namespaces.remove((await namespaces.find('b'))!);
      expect(await bytes()).toBe(before);
    });

    test('rise and fall with its tokens', async () => {
      await using opened = await open();
      const bytes = async () => (await opened.store.usage()).bytes;
      const { namespaces } = opened.store;
      const before = await bytes();
      await namespaces.setTokens(opened.namespace, tokens(100, 'x'.repeat(256)));
      expect(await bytes()).toBeGreaterThan(before + 100 * 256);
      await namespaces.setTokens((await namespaces.find(defaultId))!, []);
      expect(await bytes()).toBe(before);
    });

    test('make a full store refuse new namespaces, but not further tokens', async () => {
      await using opened = await open({ maxBytes: 60_000 });
      const { namespaces } = opened.store;
      const large = newNamespace('a', { description: 'x'.repeat(60_000) });
      const { bytes } = await opened.store.usage();
      expect(await namespaces.create(large)).toEqual({ outcome: 'full', limit: 'store', bytes, maxBytes: 60_000 });
      expect(await namespaces.find('a')).toBeUndefined();
      expect(await namespaces.setTokens(opened.namespace, tokens(100, 'x'.repeat(1_000)))).toBe(true);
    });
  });
}
