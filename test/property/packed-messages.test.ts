import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packMessages, unpackMessages } from '../../src/store/sqlite/packed-messages.ts';
import { anyCharacter } from '../support/arbitraries.ts';

test('Messages are unchanged by packing and unpacking, whatever their texts.', () => {
  const text = fc.string({ unit: anyCharacter });
  const message = fc.record({
    id: text,
    given: fc.boolean(),
    type: text,
    data: text,
    metadata: fc.option(text),
  });
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      const { count, ...packed } = packMessages(messages);
      expect(count).toBe(messages.length);
      // Cloned, as between threads.
      expect(unpackMessages({ count, ...structuredClone(packed) })).toEqual(messages);
    }),
  );
});
