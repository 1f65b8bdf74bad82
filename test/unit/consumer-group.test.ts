import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupHash, maxGroupSize, ownerOf } from '../../src/message/consumer-group.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { anyText } from '../support/arbitraries.ts';

/** Stream, signed 64-bit hash, and the owning member of groups of 2, 3, 4, 5 and 16. */
const vectors: [string, string, number[]][] = [
  ['account-123', '2318431741638412123', [1, 1, 3, 3, 11]],
  ['account-123+abc+def', '2318431741638412123', [1, 1, 3, 3, 11]],
  ['a-1+x', '-4266524885998034046', [0, 0, 2, 1, 14]],
  ['x-1', '-4266524885998034046', [0, 0, 2, 1, 14]],
  ['x-2', '-4026655064267673757', [1, 1, 1, 2, 13]],
  ['x-3', '-1383792015730482434', [0, 2, 2, 4, 2]],
  ['x-4', '-6305049951010035939', [1, 0, 3, 4, 3]],
  ['stream-with-many-dashes', '7093362640062412473', [1, 0, 1, 3, 9]],
  ['t-550e8400-e29b-41d4-a716-446655440000+eu', '-1709840711914736500', [0, 1, 0, 0, 4]],
  ['category--leading', '5806275695938921677', [1, 0, 1, 2, 13]],
  ['order-世界', '-4573771556638290182', [0, 2, 2, 2, 6]],
  ['user-émile+🌍', '6259796640253406356', [0, 1, 0, 1, 4]],
  ['X-a b', '921493332900466999', [1, 1, 3, 4, 7]],
];
const sizes = [2, 3, 4, 5, 16];
const halves = ({ high, low }: { high: number; low: number }) => (BigInt(high) << 32n) | BigInt(low);

describe('the group hash', () => {
  test.each(vectors)('of %j is the absolute value of %s', (stream, signed) => {
    const expected = BigInt(signed) < 0n ? -BigInt(signed) : BigInt(signed);
    expect(halves(groupHash(new StreamName(stream).cardinalId!))).toBe(expected);
  });

  test('is the absolute value of the first 8 bytes of MD5 for any id', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const id = text.toWellFormed();
        const signed = createHash('md5').update(id, 'utf8').digest().readBigInt64BE(0);
        expect(halves(groupHash(id))).toBe(signed < 0n ? -signed : signed);
      }),
    );
  });
});

describe('the owner of a stream', () => {
  test.each(vectors)('%j of hash %s is members %j of groups of 2, 3, 4, 5 and 16', (stream, _signed, owners) => {
    expect(sizes.map((size) => new StreamName(stream).owner(size))).toEqual(owners);
  });

  test('without a hyphen is none, also in a group of one, because there is no cardinal id', () => {
    expect([1, 2, 16].map((size) => new StreamName('account').owner(size))).toEqual([-1, -1, -1]);
    expect(new StreamName('account').ownedBy({ member: 0, size: 1 })).toBe(false);
  });

  // MD5 of an empty text starts with d41d8cd98f00b204.
  test.each(['account-', 'account-+x', '-'])('%j follows from the hash of its empty cardinal id', (stream) => {
    expect(sizes.map((size) => new StreamName(stream).owner(size))).toEqual([0, 2, 0, 3, 12]);
  });

  test('is the only member of a group of one whenever there is a cardinal id', () => {
    expect(new StreamName('account-123').ownedBy({ member: 0, size: 1 })).toBe(true);
  });

  test('is always the same, because the hash is cached', () => {
    const name = new StreamName('account-123');
    expect([name.owner(5), name.owner(5), name.owner(16)]).toEqual([3, 3, 11]);
  });

  test('does not depend on normalisation or case', () => {
    const owners = ['x-é', 'x-e\u0301', 'x-É'].map((stream) => halves(groupHash(new StreamName(stream).cardinalId!)));
    expect(new Set(owners).size).toBe(3);
  });

  test('of the hash -2^63 is 2^63 modulo the size', () => {
    const owners = [1, 2, 3, 5, 7, 1_000_003].map((size) => ownerOf({ high: 2 ** 31, low: 0 }, size));
    expect(owners).toEqual([1, 2, 3, 5, 7, 1_000_003].map((size) => Number(2n ** 63n % BigInt(size))));
  });

  test('is exact for every hash and every size up to the maximum', () => {
    const hash = fc.record({
      high: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      low: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    });
    const size = fc.oneof(
      fc.integer({ min: 1, max: maxGroupSize }),
      fc.integer({ min: maxGroupSize - 1_000, max: maxGroupSize }),
      fc.integer({ min: 1, max: 100 }),
    );
    fc.assert(
      fc.property(hash, size, (hash, size) => {
        expect(ownerOf(hash, size)).toBe(Number(halves(hash) % BigInt(size)));
      }),
    );
  });
});
