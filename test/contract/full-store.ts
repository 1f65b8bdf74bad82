import { expect, test } from 'vitest';
import { newMessage, newMessages } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';

export function describeFullStore({ open, describe }: Suite): void {
  describe('a full store', ['a byte limit'], () => {
    const large = () => newMessage({ data: `{"a":"${'x'.repeat(20_000)}"}` });

    test('refuses appends that exceed its limit, and reports its size', async () => {
      await using opened = await open({ maxBytes: 100_000 });
      await opened.append('a-1', [large()]);
      const { bytes } = await opened.store.usage();
      const outcome = await opened.log.append('a-1', Array.from({ length: 5 }, large), undefined);
      expect(outcome).toEqual({ outcome: 'full', limit: 'store', bytes, maxBytes: 100_000 });
    });

    test('stores nothing of a refused append', async () => {
      await using opened = await open({ maxBytes: 100_000 });
      await opened.append('a-1');
      const usage = await opened.store.usage();
      await opened.log.append('b-1', Array.from({ length: 20 }, large), undefined);
      expect([await opened.store.usage(), await opened.head(), await opened.stream('b-1')]).toEqual([usage, 1, []]);
    });

    test('can still be read, and accepts appends that still fit', async () => {
      await using opened = await open({ maxBytes: 100_000 });
      await opened.append('a-1');
      await opened.log.append('a-1', Array.from({ length: 20 }, large), undefined);
      await opened.append('a-1');
      expect((await opened.stream('a-1')).length).toBe(2);
    });

    test('recognises a repeated append', async () => {
      await using opened = await open({ maxBytes: 60_000 });
      const message = { ...large(), given: true };
      await opened.append('a-1', [message]);
      const full = await opened.log.append('a-1', [large(), large()], undefined);
      const again = await opened.log.append('a-1', [message], undefined);
      expect([full.outcome, again.outcome]).toEqual(['full', 'known']);
    });

    test('checks the version before the size', async () => {
      await using opened = await open({ maxBytes: 60_000 });
      const { outcome } = await opened.log.append('a-1', Array.from({ length: 5 }, large), 5);
      expect(outcome).toBe('version-conflict');
    });

    test('never exceeds its limit', async () => {
      await using opened = await open({ maxBytes: 200_000 });
      let outcome = '';
      for (let stream = 0; outcome !== 'full'; stream++) {
        ({ outcome } = await opened.log.append(`a-${stream}`, newMessages(1), undefined));
      }
      const { bytes, maxBytes } = await opened.store.usage();
      expect(bytes).toBeLessThanOrEqual(maxBytes);
    });
  });
}
