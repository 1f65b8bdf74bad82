import { AdaptiveSize, type PoolBounds } from './adaptive-size.ts';
import { PoolStats } from './pool-stats.ts';

/**
 * A bounded pool of equal objects. It does not reset them: whoever acquires one sets every field. Pre-warmed to its
 * lower bound. Releasing a thing twice would lend it twice; the caller releases exactly once.
 */
export class ObjectPool<T> {
  readonly stats = new PoolStats();
  readonly #create: (home: ObjectPool<T>) => T;
  readonly #size: AdaptiveSize;
  readonly #idle: T[] = [];

  constructor(create: (home: ObjectPool<T>) => T, bounds: PoolBounds) {
    this.#create = create;
    this.#size = new AdaptiveSize(bounds);
    while (this.#idle.length < this.#size.size) {
      this.#idle.push(create(this));
      this.stats.created++;
    }
  }

  /** How many idle objects it may keep now. */
  get size(): number {
    return this.#size.size;
  }

  /** How many idle objects it holds. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Lends an object; its fields are those of its last use. */
  acquire(): T {
    this.stats.acquired++;
    const kept = this.#idle.pop();
    if (this.#size.note(kept === undefined)) this.#resized();
    if (kept !== undefined) {
      this.stats.reused++;
      return kept;
    }
    this.stats.created++;
    return this.#create(this);
  }

  /** Takes an object back. */
  release(object: T): void {
    if (this.#idle.length < this.#size.size) {
      this.stats.released++;
      this.#idle.push(object);
    } else this.stats.dropped++;
  }

  /** Lets an idle pool shrink; called once in a while by one timer. */
  settle(): void {
    if (this.#size.settle()) this.#resized();
  }

  #resized(): void {
    this.stats.resized++;
    if (this.#idle.length > this.#size.size) this.#idle.length = this.#size.size;
  }
}
