import { expect, test } from 'vitest';
import { newMessage } from '../support/fake-messages.ts';
import { messageAt } from '../support/imported-messages.ts';
import type { Suite } from './suite.ts';

const share = 200_000;
const data = `{"a":"${'x'.repeat(45_000)}"}`;
const large = () => newMessage({ data });

export function describeShares(suite: Suite): void {
  const { open, describe } = suite;

  describe('the share of a namespace', ['many namespaces', 'a byte limit'], () => {
    test("refuses what exceeds it, reports the namespace's size, and leaves the others their room", async () => {
      await using opened = await open({ maxBytes: share * 10, maxBytesPerNamespace: share });
      const other = await opened.create('other');
      const { bytes: ofBoth } = await opened.store.usage();
      await opened.append('a-1', [large(), large()]);
      const usage = await opened.store.usage();
      const outcome = await opened.log.append('b-1', [large(), large(), large()], undefined);
      expect(outcome).toMatchObject({ outcome: 'full', limit: 'namespace', maxBytes: share });
      const { bytes } = outcome as { readonly bytes: number };
      expect(bytes).toBeGreaterThan(usage.bytes - ofBoth);
      expect(bytes).toBeLessThan(usage.bytes);
      expect([await opened.store.usage(), await opened.stream('b-1')]).toEqual([usage, []]);
      await other.append('a-1', [large(), large()]);
      await opened.append('a-1');
    });

    test('is named even if the store is full too', async () => {
      await using opened = await open({ maxBytes: share, maxBytesPerNamespace: share });
      const outcome = await opened.log.append('a-1', Array.from({ length: 5 }, large), undefined);
      expect(outcome).toMatchObject({ outcome: 'full', limit: 'namespace' });
    });

    test('is not named if other namespaces fill the store', async () => {
      await using opened = await open({ maxBytes: share, maxBytesPerNamespace: share });
      const other = await opened.create('other');
      await other.append('a-1', [large(), large()]);
      const outcome = await opened.log.append('a-1', [large(), large(), large()], undefined);
      expect(outcome).toMatchObject({ outcome: 'full', limit: 'store' });
    });

    test('is the whole store if it is 0', async () => {
      await using opened = await open({ maxBytes: share, maxBytesPerNamespace: 0 });
      await opened.append('a-1', [large(), large()]);
      const outcome = await opened.log.append('a-1', [large(), large(), large()], undefined);
      expect(outcome).toMatchObject({ outcome: 'full', limit: 'store', maxBytes: share });
    });

    test('starts empty for a new namespace with the same id', async () => {
      await using opened = await open({ maxBytesPerNamespace: share });
      const first = await opened.create('a');
      await first.append('a-1', [large(), large()]);
      await opened.store.namespaces.remove(first.namespace);
      const second = await opened.create('a');
      await second.append('a-1', [large(), large()]);
    });
  });

  describe('the share of a namespace', ['many namespaces', 'a byte limit', 'imports'], () => {
    test('bounds imports', async () => {
      await using opened = await open({ maxBytesPerNamespace: share });
      await opened.append('a-1', [large(), large()]);
      const session = await opened.log.beginImport();
      const places = ['b-1/0@7', 'b-1/1@8', 'b-1/2@9'];
      const outcome = await session.add(places.map((place) => messageAt(place, { data })));
      expect(outcome).toMatchObject({ outcome: 'full', limit: 'namespace', maxBytes: share });
      expect((await session.add([messageAt('b-1/0@8')])).outcome).toBe('imported');
      await session.commit();
    });
  });

  describe('the share of a namespace', ['many namespaces', 'a byte limit', 'replacements'], () => {
    test('counts every replacement in addition to the log it will replace', async () => {
      await using opened = await open({ maxBytesPerNamespace: share });
      await opened.append('a-1', [large()]);
      const [one, two] = [
        await opened.store.beginReplacement(opened.namespace),
        await opened.store.beginReplacement(opened.namespace),
      ];
      expect((await one.add([messageAt('b-1/0@1', { data })])).outcome).toBe('imported');
      const both = [messageAt('b-1/0@1', { data }), messageAt('b-1/1@2', { data })];
      const refused = await two.add([...both, messageAt('b-1/2@3', { data })]);
      expect(refused).toMatchObject({ outcome: 'full', limit: 'namespace' });
      await one.abort();
      expect((await two.add(both)).outcome).toBe('imported');
      await two.commit();
      await (await opened.current()).append('c-1', [large()]);
    });
  });
}
