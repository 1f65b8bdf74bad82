/** The number of idle objects that a pool may keep. */
export type PoolBounds = {
  /** Kept and pre-warmed at least. */
  readonly min: number;
  /** Kept at most. 0: no pooling, every acquire makes a new thing. */
  readonly max: number;
};

const windowAcquires = 1_000;
const growAbove = 0.05;
const shrinkBelow = 0.01;

/**
 * A pool's size that follows its misses: judged every 1,000 acquires, and once a window by {@link AdaptiveSize.settle},
 * more than 5 % misses grow it by half, less than 1 % shrink it by a quarter, within the bounds.
 */
export class AdaptiveSize {
  readonly #bounds: PoolBounds;
  #size: number;
  #acquires = 0;
  #misses = 0;

  constructor(bounds: PoolBounds) {
    this.#bounds = bounds;
    this.#size = Math.min(bounds.min, bounds.max);
  }

  /** How many idle things the pool may keep now. */
  get size(): number {
    return this.#size;
  }

  /** Notes one acquire. Returns whether the size changed. */
  note(miss: boolean): boolean {
    if (miss) this.#misses++;
    return ++this.#acquires >= windowAcquires && this.settle();
  }

  /** Judges the running window now, so that an idle pool shrinks too. Returns whether the size changed. */
  settle(): boolean {
    const missRate = this.#acquires === 0 ? 0 : this.#misses / this.#acquires;
    this.#acquires = 0;
    this.#misses = 0;
    const before = this.#size;
    if (missRate > growAbove) this.#size = Math.min(this.#bounds.max, before + Math.ceil(before / 2) || 1);
    else if (missRate < shrinkBelow) this.#size = Math.max(this.#bounds.min, before - Math.ceil(before / 4));
    this.#size = Math.min(this.#size, this.#bounds.max);
    return this.#size !== before;
  }
}
