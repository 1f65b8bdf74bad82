/** Bounds of the number of idle objects in a pool. */
export type PoolBounds = {
  /** Always kept, and created at the start. */
  readonly min: number;
  /** Maximum number of idle objects. 0: no pooling; every acquire creates an object. */
  readonly max: number;
};

const windowAcquires = 1_000;
const growAbove = 0.05;
const shrinkBelow = 0.01;

/**
 * A pool size that adapts to the miss rate. Every 1,000 acquires, and once per window in {@link AdaptiveSize.settle}:
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

  /** Maximum number of idle objects that the pool may keep now. */
  get size(): number {
    return this.#size;
  }

  /** Records one acquire. Returns whether the size changed. */
  note(miss: boolean): boolean {
    if (miss) this.#misses++;
    return ++this.#acquires >= windowAcquires && this.settle();
  }

  /** Evaluates the current window, so that an idle pool shrinks too. Returns whether the size changed. */
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
