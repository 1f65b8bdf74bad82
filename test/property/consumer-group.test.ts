import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ownerOf as ownerInClient } from '../../src/client/groups/stream-owner.ts';
import { newPartition, passedUpTo } from '../../src/groups/partition-record.ts';
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

test('the owner of a stream is a member even in the largest groups', () => {
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

const sizes = Array.from({ length: 17 }, (_value, index) => index + 1);

/** Message DB's formula: `@hash_64(cardinal_id) % size`, where `hash_64` is the start of MD5 as a signed integer. */
function ownerInMessageDb(cardinalId: string, size: number): number {
  const hash = createHash('md5').update(cardinalId, 'utf8').digest().readBigInt64BE(0);
  return Number((hash < 0n ? -hash : hash) % BigInt(size));
}

test('a partition of a dynamic group has the streams of that member of a static group: 10,000 names, 1 to 17 partitions', () => {
  fc.assert(
    fc.property(nameText, fc.constantFrom('', '+', '+x', '-1+2'), (id, rest) => {
      const stream = `account-${id}${rest}`;
      const name = new StreamName(stream);
      const partitions = sizes.map((size) => ownerInMessageDb(name.cardinalId!, size));
      expect(sizes.map((size) => name.owner(size))).toEqual(partitions);
      expect(sizes.map((size) => ownerInClient(stream, size))).toEqual(partitions);
      // After a resize, floors record what each previous partition settled.
      const floors = sizes.map((size, index) => ({ size, partition: partitions[index]!, upTo: size }));
      expect(floors.every((floor) => passedUpTo({ ...newPartition(0), floors: [floor] }, stream) === floor.upTo)).toBe(
        true,
      );
    }),
    { numRuns: 10_000 },
  );
});
