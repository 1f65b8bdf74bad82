import type { PoolBounds } from './adaptive-size.ts';
import { ObjectPool } from './object-pool.ts';
import type { PoolStats } from './pool-stats.ts';

/** Pooled sizes in bytes. A larger buffer is allocated for one use and dropped. */
export const bufferSizes = [4_096, 16_384, 65_536] as const;

/** A buffer on loan. It returns to its pool when every holder has released it: the lessee and each socket that still reads from it. */
export class BufferLease {
  readonly bytes: Buffer;
  readonly #home: ObjectPool<BufferLease>;
  #holders = 0;

  constructor(size: number, home: ObjectPool<BufferLease>) {
    // Not from Node's shared slab: a lease must not keep 8 KiB of unrelated data alive, or be kept alive by it.
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.#home = home;
  }

  /** Adds a holder. */
  retain(): void {
    this.#holders++;
  }

  /** Removes a holder. The last one returns the buffer to the pool. */
  release(): void {
    if (--this.#holders === 0) this.#home.release(this);
  }
}

/** Buffers in size classes, each with a bounded pool. */
export class BufferPool {
  /** Pools by buffer size in bytes, for metrics. */
  readonly classes: ReadonlyMap<number, ObjectPool<BufferLease>>;
  /** The same pools by ascending size: iterating over a map allocates an iterator for each acquire (load/micro/pools.ts). */
  readonly #pools: readonly ObjectPool<BufferLease>[];
  readonly #oversized: ObjectPool<BufferLease>;
  #oversize = 0;

  constructor(bounds: PoolBounds) {
    this.classes = new Map(bufferSizes.map((size) => [size, classPool(() => size, bounds)]));
    this.#pools = [...this.classes.values()];
    this.#oversized = classPool(() => this.#oversize, { min: 0, max: 0 });
  }

  /** Counts of buffers above the largest class, which are created and dropped, never kept. */
  get oversizedStats(): PoolStats {
    return this.#oversized.stats;
  }

  /** Lends a buffer of at least `size` bytes to one holder, the caller, which releases it once. Its content is arbitrary. */
  acquire(size: number): BufferLease {
    const lease = this.#poolFor(size).acquire();
    lease.retain();
    return lease;
  }

  /** Shrinks idle classes. */
  settle(): void {
    for (const pool of this.classes.values()) pool.settle();
  }

  #poolFor(size: number): ObjectPool<BufferLease> {
    for (let at = 0; at < bufferSizes.length; at++) if (size <= bufferSizes[at]!) return this.#pools[at]!;
    this.#oversize = size;
    return this.#oversized;
  }
}

function classPool(size: () => number, bounds: PoolBounds): ObjectPool<BufferLease> {
  return new ObjectPool((home) => new BufferLease(size(), home), bounds);
}
