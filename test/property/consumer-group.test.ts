import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxGroupSize } from '../../src/message/consumer-group.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { nameText } from '../support/arbitraries.ts';

test('each stream with a hyphen has exactly one member of a group of any size, others have none', () => {
  fc.assert(
    fc.property(nameText, fc.integer({ min: 1, max: 200 }), (text, size) => {
      const name = new StreamName(text);
      const members = Array.from({ length: size }, (_value, member) => member);
      const owners = members.filter((member) => name.ownedBy({ member, size }));
      expect(owners).toHaveLength(text.includes('-') ? 1 : 0);
    }),
  );
});

test('the owner of a stream is a member also of the largest groups', () => {
  fc.assert(
    fc.property(nameText, fc.integer({ min: 1, max: maxGroupSize }), (id, size) => {
      const name = new StreamName(`x-${id}`);
      const owner = name.owner(size);
      expect(owner >= 0 && owner < size && Number.isInteger(owner)).toBe(true);
    }),
  );
});

test('streams of one cardinal id have one owner, whatever their category and the rest of their id', () => {
  fc.assert(
    fc.property(
      nameText,
      fc.constantFrom('', '+', '+x', '+x-y+z'),
      fc.integer({ min: 1, max: 1_000 }),
      (id, rest, size) => {
        expect(new StreamName(`other-${id}${rest}`).owner(size)).toBe(new StreamName(`x-${id}`).owner(size));
      },
    ),
  );
});
