import { describe, expect, test } from 'vitest';
import { ObjectPool } from '../../src/pool/object-pool.ts';

type Thing = { readonly number: number };

function poolOf(min: number, max: number): ObjectPool<Thing> {
  let number = 0;
  return new ObjectPool<Thing>(() => ({ number: number++ }), { min, max });
}

/** Makes this many acquires with this many misses, by lending more objects at once than are kept. */
function useWindow(pool: ObjectPool<Thing>, acquires: number, misses: number): void {
  const lent: Thing[] = [];
  const kept = pool.idle;
  for (let miss = 0; miss < (misses === 0 ? 0 : kept + misses); miss++) lent.push(pool.acquire());
  const done = lent.length;
  for (const thing of lent) pool.release(thing);
  for (let rest = done; rest < acquires; rest++) pool.release(pool.acquire());
}

describe('an object pool', () => {
  test('creates its minimum number of objects before the first use', () => {
    const pool = poolOf(3, 9);
    expect([pool.idle, pool.size, pool.stats.created]).toEqual([3, 3, 3]);
  });

  test('lends returned objects', () => {
    const pool = poolOf(1, 1);
    const thing = pool.acquire();
    pool.release(thing);
    expect(pool.acquire()).toBe(thing);
  });

  test('creates a new object when it has none left', () => {
    const pool = poolOf(1, 1);
    expect(pool.acquire()).not.toBe(pool.acquire());
  });

  test('drops objects that do not fit', () => {
    const pool = poolOf(1, 1);
    const things = [pool.acquire(), pool.acquire()];
    for (const thing of things) pool.release(thing);
    expect([pool.idle, pool.stats.released, pool.stats.dropped]).toEqual([1, 1, 1]);
  });

  test('counts its operations', () => {
    const pool = poolOf(2, 4);
    const things = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const thing of things.slice(0, 2)) pool.release(thing);
    const { acquired, reused, created, released, dropped, leased, hitRate } = pool.stats;
    expect({ acquired, reused, created, released, dropped, leased, hitRate }).toEqual({
      acquired: 3,
      reused: 2,
      created: 3,
      released: 2,
      dropped: 0,
      leased: 1,
      hitRate: 2 / 3,
    });
  });

  test('has nothing on loan when everything is returned, including dropped objects', () => {
    const pool = poolOf(1, 1);
    const things = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const thing of things) pool.release(thing);
    expect(pool.stats.leased).toBe(0);
  });

  test('has a hit rate of 1 before its first use', () => {
    expect(poolOf(0, 1).stats.hitRate).toBe(1);
  });

  test('keeps nothing when its maximum is 0', () => {
    const pool = poolOf(5, 0);
    const thing = pool.acquire();
    pool.release(thing);
    expect([pool.size, pool.idle, pool.stats.created, pool.stats.dropped, pool.acquire() === thing]).toEqual([
      0,
      0,
      1,
      1,
      false,
    ]);
  });

  test('keeps nothing with a maximum of 0, however many misses there are', () => {
    const pool = poolOf(0, 0);
    for (let count = 0; count < 5_000; count++) pool.release(pool.acquire());
    expect([pool.size, pool.stats.resized]).toEqual([0, 0]);
  });
});

describe('the size of a pool', () => {
  test('grows by half when more than 5 % of 1,000 acquires miss', () => {
    const pool = poolOf(10, 100);
    useWindow(pool, 1_000, 51);
    expect([pool.size, pool.stats.resized]).toEqual([15, 1]);
  });

  test('stays when 5 % miss', () => {
    const pool = poolOf(10, 100);
    useWindow(pool, 1_000, 50);
    expect([pool.size, pool.stats.resized]).toEqual([10, 0]);
  });

  test('is not evaluated before 1,000 acquires', () => {
    const pool = poolOf(10, 100);
    useWindow(pool, 999, 500);
    expect(pool.size).toBe(10);
  });

  test('grows up to its maximum', () => {
    const pool = poolOf(10, 12);
    useWindow(pool, 1_000, 500);
    expect(pool.size).toBe(12);
  });

  test('grows from nothing', () => {
    const pool = poolOf(0, 10);
    useWindow(pool, 1_000, 1_000);
    expect(pool.size).toBe(1);
  });

  test('shrinks by a quarter when less than 1 % miss', () => {
    const pool = poolOf(8, 100);
    useWindow(pool, 1_000, 900);
    useWindow(pool, 1_000, 900);
    expect(pool.size).toBe(18);
    useWindow(pool, 1_000, 0);
    expect(pool.size).toBe(13);
  });

  test('stays when 1 % miss', () => {
    const pool = poolOf(8, 100);
    useWindow(pool, 1_000, 900);
    expect(pool.size).toBe(12);
    while (pool.idle < 12) pool.release({ number: -1 });
    useWindow(pool, 1_000, 10);
    expect(pool.size).toBe(12);
  });

  test('shrinks when the pool is idle, at each evaluation', () => {
    const pool = poolOf(8, 100);
    useWindow(pool, 1_000, 900);
    pool.settle();
    expect(pool.size).toBe(9);
  });

  test('shrinks down to the minimum, and not below', () => {
    const pool = poolOf(2, 100);
    for (let window = 0; window < 8; window++) useWindow(pool, 1_000, 900);
    for (let settling = 0; settling < 50; settling++) pool.settle();
    expect(pool.size).toBe(2);
  });

  test('shrinks to nothing if the minimum is 0', () => {
    const pool = poolOf(0, 100);
    for (let window = 0; window < 8; window++) useWindow(pool, 1_000, 900);
    for (let settling = 0; settling < 50; settling++) pool.settle();
    expect([pool.size, pool.idle]).toEqual([0, 0]);
  });

  test('drops the idle objects beyond it when it shrinks', () => {
    const pool = poolOf(8, 100);
    useWindow(pool, 1_000, 900);
    while (pool.idle < pool.size) pool.release({ number: -1 });
    pool.settle();
    expect(pool.idle).toBe(9);
  });

  test('is evaluated for each window separately', () => {
    const pool = poolOf(10, 100);
    useWindow(pool, 500, 51);
    pool.settle();
    const grown = pool.size;
    useWindow(pool, 999, 0);
    expect([grown, pool.size]).toEqual([15, 15]);
  });
});
