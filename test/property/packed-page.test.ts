import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { packPage, unpackPage } from '../../src/store/sqlite/packed-page.ts';
import { anyCharacter } from '../support/arbitraries.ts';

test('A page is unchanged by packing and unpacking, whatever its texts.', () => {
  const text = fc.string({ unit: anyCharacter, maxLength: 20 });
  const number = fc.maxSafeNat();
  const message = fc.record({
    id: text,
    stream: fc.oneof(text, fc.constantFrom('account-1', 'account-2')),
    type: text,
    position: number,
    globalPosition: number,
    data: text,
    metadata: fc.option(text),
    timeMs: number,
    timeNanos: fc.nat(999_999),
  });
  const page = fc.record({ messages: fc.array(message), epoch: text as fc.Arbitrary<LogId>, next: fc.option(number) });
  // Cloned, as between threads.
  fc.assert(
    fc.property(page, (page) => {
      expect(unpackPage(structuredClone(packPage(page)))).toEqual(page);
    }),
  );
});
