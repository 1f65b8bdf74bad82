/** Choices with relative weights. */
export type Weighted<T> = readonly (readonly [weight: number, value: T])[];

/** Pseudorandom numbers, reproducible from a seed and branch (splitmix32). Fast enough for thousands of bytes per request. */
export class Random {
  #state: number;

  /** Each branch of a seed has its own numbers, so that one part of a run can be reproduced without the others. */
  constructor(seed: number, branch = 0) {
    this.#state = (Math.imul(seed ^ 0x5bf03635, 0x85ebca6b) ^ Math.imul(branch + 1, 0xc2b2ae35)) | 0;
  }

  /** An integer between both, inclusive. */
  int(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#next() * items.length)]!;
  }

  weighted<T>(choices: Weighted<T>): T {
    let left = this.#next() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    return choices.at(-1)![1];
  }

  /** An array of random length, created element by element. */
  times<T>(min: number, max: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.int(min, max) }, (_value, index) => make(index));
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.int(0, 255);
    return bytes;
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000;
  }
}
