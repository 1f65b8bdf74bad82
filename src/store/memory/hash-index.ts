import { randomInt } from 'node:crypto';

const partBits = 6;
const parts = 1 << partBits;
const firstSlots = 16;
// Random, so that an attacker cannot prepare texts with equal hashes.
const seed = randomInt(2 ** 32);

/** Hash of a message id or name, an unsigned 32-bit integer: FNV-1a from a random seed, then mixed. */
export function textHash(text: string): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Finds a row by the hash of its id, or a stream by the hash of its name: open addressing in 64 parts, at most half
 * full, 8 to 16 bytes per entry. A `Map` of strings would keep every id on the JavaScript heap and block the process
 * while it grows; with parts that pause is 64 times shorter (load/micro/streams.ts).
 */
export class HashIndex {
  readonly #hashOf: (row: number) => number;
  readonly #parts: (Uint32Array | undefined)[] = new Array(parts);
  readonly #used = new Uint32Array(parts);

  /** `hashOf` returns the hash of a row added before. */
  constructor(hashOf: (row: number) => number) {
    this.#hashOf = hashOf;
  }

  /** The first row with this hash that `matches`, or -1. */
  find(hash: number, matches: (row: number) => boolean): number {
    const slots = this.#parts[hash >>> (32 - partBits)];
    if (slots === undefined) return -1;
    const mask = slots.length - 1;
    for (let at = hash & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const row = slots[at]! - 1;
      if (this.#hashOf(row) === hash && matches(row)) return row;
    }
    return -1;
  }

  /** Adds a row whose id must not be in the index. */
  add(hash: number, row: number): void {
    const part = hash >>> (32 - partBits);
    let slots = this.#parts[part];
    if (slots === undefined || this.#used[part]! * 2 >= slots.length)
      slots = this.#resize(part, Math.max(firstSlots, (slots?.length ?? 0) * 2));
    put(slots, hash, row);
    this.#used[part]!++;
  }

  /** Replaces a row by another one with the same id. */
  replace(hash: number, row: number, by: number): void {
    const slots = this.#parts[hash >>> (32 - partBits)]!;
    slots[this.#slotOf(slots, hash, row)] = by + 1;
  }

  /** Removes a row. `hashOf` must still know this row and all others. */
  remove(hash: number, row: number): void {
    const part = hash >>> (32 - partBits);
    const slots = this.#parts[part]!;
    const mask = slots.length - 1;
    // Entries displaced by this one move up, so that no search ends too early.
    for (let free = this.#slotOf(slots, hash, row), at = free; ; ) {
      at = (at + 1) & mask;
      const entry = slots[at]!;
      if (entry === 0) {
        slots[free] = 0;
        break;
      }
      const wanted = this.#hashOf(entry - 1) & mask;
      if (((at - wanted) & mask) < ((at - free) & mask)) continue;
      slots[free] = entry;
      free = at;
    }
    this.#used[part]!--;
    if (slots.length > firstSlots && this.#used[part]! * 8 < slots.length) this.#resize(part, slots.length / 2);
  }

  #slotOf(slots: Uint32Array, hash: number, row: number): number {
    const mask = slots.length - 1;
    let at = hash & mask;
    while (slots[at] !== row + 1) at = (at + 1) & mask;
    return at;
  }

  #resize(part: number, length: number): Uint32Array {
    const old = this.#parts[part] ?? new Uint32Array(0);
    const slots = new Uint32Array(length);
    for (const entry of old) if (entry !== 0) put(slots, this.#hashOf(entry - 1), entry - 1);
    this.#parts[part] = slots;
    return slots;
  }
}

// 0 marks a free slot, so row numbers are stored plus one.
function put(slots: Uint32Array, hash: number, row: number): void {
  const mask = slots.length - 1;
  let at = hash & mask;
  while (slots[at] !== 0) at = (at + 1) & mask;
  slots[at] = row + 1;
}
