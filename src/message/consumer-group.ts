import { hash } from 'node:crypto';

/** One member of a consumer group: it owns the streams whose cardinal id hashes to it. `0 ≤ member < size`. */
export type ConsumerGroup = { readonly member: number; readonly size: number };

/** The largest group size: beyond it {@link ownerOf} would leave the range of exact integers. */
export const maxGroupSize = 2 ** 31 - 1;

/** A group hash: the 64-bit absolute value as two unsigned halves. */
export type GroupHash = { readonly high: number; readonly low: number };

/**
 * The hash that decides which member owns a stream: absolute value of the first 8 bytes, as a big-endian signed
 * integer, of MD5 over the cardinal id's UTF-8 bytes. Equal to Message DB's `hash_64`; |-2⁶³| is 2⁶³.
 */
export function groupHash(cardinalId: string): GroupHash {
  const digest = hash('md5', cardinalId, 'buffer');
  const high = digest.readInt32BE(0);
  const low = digest.readUInt32BE(4);
  if (high >= 0) return { high, low };
  // Two's complement by halves: the carry reaches the high half only when the low half is zero.
  return low === 0 ? { high: -high, low: 0 } : { high: ~high, low: 2 ** 32 - low };
}

/** The member of a group of `size` members that owns the hash: `hash mod size`, exact for every size up to the maximum. */
export function ownerOf(groupHash: GroupHash, size: number): number {
  // 16 bits at a time keeps every intermediate below 2^47.
  let rest = groupHash.high % size;
  rest = (rest * 65_536 + (groupHash.low >>> 16)) % size;
  return (rest * 65_536 + (groupHash.low & 0xffff)) % size;
}
