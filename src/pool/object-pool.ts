import { AdaptiveSize, type PoolBounds } from './adaptive-size.ts';
import { PoolStats } from './pool-stats.ts';

/**
 * A bounded pool of equal objects. Objects are not reset: the code that acquires one sets every field. The pool starts
 * with its minimum. Each object must be released exactly once; releasing it twice would lend it twice.
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

  /** Maximum number of idle objects that the pool may keep now. */
  get size(): number {
    return this.#size.size;
  }

  /** Number of idle objects. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Lends an object with the fields of its last use. */
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

  release(object: T): void {
    if (this.#idle.length < this.#size.size) {
      this.stats.released++;
      this.#idle.push(object);
    } else this.stats.dropped++;
  }

  /** Shrinks an idle pool. One timer calls this periodically. */
  settle(): void {
    if (this.#size.settle()) this.#resized();
  }

  #resized(): void {
    this.stats.resized++;
    if (this.#idle.length > this.#size.size) this.#idle.length = this.#size.size;
  }
}
