import { describe, expect, test } from 'vitest';
import { BufferPool, bufferSizes } from '../../src/pool/buffer-pool.ts';

const bounds = { min: 1, max: 4 };
const statsOf = (pool: BufferPool, size: number) => pool.classes.get(size)!.stats;

describe('a buffer pool', () => {
  test.each([
    [0, 4_096],
    [1, 4_096],
    [4_096, 4_096],
    [4_097, 16_384],
    [16_384, 16_384],
    [16_385, 65_536],
    [65_536, 65_536],
  ])('lends a buffer for %i bytes from the class of %i', (wanted, got) => {
    expect(new BufferPool(bounds).acquire(wanted).bytes).toHaveLength(got);
  });

  test('pre-warms each size', () => {
    const pool = new BufferPool({ min: 2, max: 4 });
    expect(bufferSizes.map((size) => pool.classes.get(size)!.idle)).toEqual([2, 2, 2]);
  });

  test('lends a released buffer again', () => {
    const pool = new BufferPool(bounds);
    const lease = pool.acquire(10);
    lease.release();
    expect(pool.acquire(10)).toBe(lease);
  });

  test('creates a larger buffer for one use and drops it', () => {
    const pool = new BufferPool(bounds);
    const lease = pool.acquire(65_537);
    lease.release();
    const { acquired, created, released, dropped, leased } = pool.oversizedStats;
    expect([lease.bytes.length, acquired, created, released, dropped, leased]).toEqual([65_537, 1, 1, 0, 1, 0]);
  });

  test('creates every larger buffer in the requested size', () => {
    const pool = new BufferPool(bounds);
    const sizes = [100_000, 70_000, 200_000].map((size) => pool.acquire(size).bytes.length);
    expect(sizes).toEqual([100_000, 70_000, 200_000]);
  });

  test('keeps nothing when it is off, and still lends buffers', () => {
    const pool = new BufferPool({ min: 0, max: 0 });
    const lease = pool.acquire(10);
    lease.release();
    expect([pool.acquire(10) === lease, statsOf(pool, 4_096).dropped, statsOf(pool, 4_096).reused]).toEqual([
      false,
      1,
      0,
    ]);
  });

  test('shrinks each size when it is idle', () => {
    const pool = new BufferPool({ min: 1, max: 64 });
    for (let window = 0; window < 10; window++) {
      const leases = Array.from({ length: 1_000 }, () => pool.acquire(10));
      for (const lease of leases) lease.release();
    }
    const grown = pool.classes.get(4_096)!.size;
    for (let settling = 0; settling < 50; settling++) pool.settle();
    expect([grown > 1, pool.classes.get(4_096)!.size]).toEqual([true, 1]);
  });

  test('does not lend shared memory', () => {
    const { bytes } = new BufferPool(bounds).acquire(10);
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, 4_096]);
  });
});

describe('a lease', () => {
  test('is on loan until its last holder has released it', () => {
    const pool = new BufferPool(bounds);
    const lease = pool.acquire(10);
    lease.retain();
    lease.retain();
    const leased = [0, 1, 2].map(() => {
      lease.release();
      return statsOf(pool, 4_096).leased;
    });
    expect(leased).toEqual([1, 1, 0]);
  });

  test('is not lent again while anyone holds it', () => {
    const pool = new BufferPool(bounds);
    const lease = pool.acquire(10);
    lease.retain();
    lease.release();
    expect(pool.acquire(10)).not.toBe(lease);
  });

  test('counts its holders anew when it is lent again', () => {
    const pool = new BufferPool(bounds);
    const lease = pool.acquire(10);
    lease.retain();
    lease.release();
    lease.release();
    pool.acquire(10).release();
    expect([statsOf(pool, 4_096).leased, statsOf(pool, 4_096).released]).toEqual([0, 2]);
  });
});
