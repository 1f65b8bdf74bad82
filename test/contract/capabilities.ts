import { describe, expect, test } from 'vitest';
import { newMessages } from '../support/fake-messages.ts';
import { defaultId, newNamespace } from './opened-store.ts';
import type { Suite } from './suite.ts';

const notSupported = { code: 'NOT_SUPPORTED' };

export function describeCapabilities({ open, capabilities }: Suite): void {
  describe('The capabilities', () => {
    test('name everything that an engine may lack, and are those of every store of its kind.', async () => {
      await using one = await open();
      await using other = await open();
      expect(one.store.capabilities).toEqual({
        namespaces: expect.stringMatching(/^(many|one)$/),
        tokens: expect.stringMatching(/^(stored|process)$/),
        appends: expect.any(Boolean),
        largestAppend: expect.any(Number),
        imports: expect.any(Boolean),
        replacements: expect.any(Boolean),
        durable: expect.any(Boolean),
        backups: expect.any(Boolean),
        verbatim: expect.any(Boolean),
        byteLimit: expect.any(Boolean),
        retention: expect.any(Boolean),
        erasure: expect.any(Boolean),
        listOrder: expect.stringMatching(/^(utf8|store)$/),
        counts: expect.stringMatching(/^(exact|estimated)$/),
      });
      expect([other.store.kind, other.store.capabilities]).toEqual([one.store.kind, one.store.capabilities]);
      expect(one.store.kind).toMatch(/^[a-z]+$/);
    });

    test.skipIf(capabilities.appends)('report that it refuses appends.', async () => {
      await using opened = await open();
      await expect(opened.log.append('a-1', newMessages(1), undefined)).rejects.toMatchObject(notSupported);
    });

    test.skipIf(capabilities.imports)('report that it refuses imports.', async () => {
      await using opened = await open();
      await expect(opened.log.beginImport()).rejects.toMatchObject(notSupported);
    });

    test.skipIf(capabilities.replacements)('report that it refuses replacements.', async () => {
      await using opened = await open();
      await expect(opened.store.beginReplacement(opened.namespace)).rejects.toMatchObject(notSupported);
    });

    test.skipIf(capabilities.backups)('report that it makes no backups.', async () => {
      await using opened = await open();
      await expect(opened.store.backup(new AbortController().signal)).rejects.toMatchObject(notSupported);
    });

    test.skipIf(capabilities.namespaces === 'many')('say that it refuses other namespaces.', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      await expect(namespaces.create(newNamespace('other'))).rejects.toMatchObject(notSupported);
      await expect(namespaces.remove(opened.namespace)).rejects.toMatchObject(notSupported);
      expect((await namespaces.list(undefined, 10)).map(({ id }) => id)).toEqual([defaultId]);
    });

    test.skipIf(capabilities.byteLimit)('report that it has no limit.', async () => {
      await using opened = await open({ maxBytes: 60_000 });
      expect((await opened.store.usage()).maxBytes).toBe(0);
    });
  });
}
