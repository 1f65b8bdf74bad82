import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BufferLease, BufferPool } from '../../src/pool/buffer-pool.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';

const bounds = fc.record({ min: fc.nat({ max: 6 }), max: fc.nat({ max: 12 }) });
const moves = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ acquire: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 6, arbitrary: fc.record({ release: fc.integer({ min: 1, max: 60 }) }) },
    fc.constant({ settle: true }),
  ),
  { maxLength: 120, size: 'max' },
);

test('a pool never lends an object twice, and keeps its bounds and counts', () => {
  fc.assert(
    fc.property(bounds, moves, fc.infiniteStream(fc.nat()), (bounds, moves, choices) => {
      const pool = new ObjectPool(() => ({}), bounds);
      const lent = new Set<object>();
      for (const move of moves) {
        if ('settle' in move) pool.settle();
        else if ('acquire' in move) {
          for (let count = 0; count < move.acquire; count++) {
            const thing = pool.acquire();
            expect(lent.has(thing)).toBe(false);
            lent.add(thing);
          }
        } else {
          for (let count = 0; count < move.release && lent.size > 0; count++) {
            const thing = [...lent][choices.next().value! % lent.size]!;
            lent.delete(thing);
            pool.release(thing);
          }
        }
        expect(pool.stats.leased).toBe(lent.size);
        expect(pool.idle).toBeLessThanOrEqual(pool.size);
        expect(pool.size).toBeLessThanOrEqual(bounds.max);
        expect(pool.size).toBeGreaterThanOrEqual(Math.min(bounds.min, bounds.max));
        expect(pool.stats.acquired - pool.stats.reused).toBe(pool.stats.created - Math.min(bounds.min, bounds.max));
      }
    }),
  );
});

test('a buffer is neither lent again nor changed while anyone holds it', () => {
  type Holding = { readonly lease: BufferLease; holders: number; readonly mark: number };
  const sizes = fc.constantFrom(1, 4_096, 4_097, 16_384, 40_000, 65_536, 65_537, 100_000);
  const moves = fc.array(
    fc.oneof(
      fc.record({ acquire: sizes }),
      fc.record({ retain: fc.nat() }),
      fc.record({ release: fc.nat() }),
      fc.record({ release: fc.nat() }),
    ),
    { maxLength: 60, size: 'max' },
  );
  fc.assert(
    fc.property(bounds, moves, (bounds, moves) => {
      const pool = new BufferPool(bounds);
      const held: Holding[] = [];
      let mark = 0;
      const check = ({ lease, mark }: Holding) => {
        expect(lease.bytes[0] === mark && lease.bytes.at(-1) === mark).toBe(true);
      };
      for (const move of moves) {
        if ('acquire' in move) {
          const lease = pool.acquire(move.acquire);
          expect(lease.bytes.length).toBeGreaterThanOrEqual(move.acquire);
          expect(held.some((holding) => holding.lease === lease)).toBe(false);
          mark = (mark + 1) % 256;
          lease.bytes[0] = mark;
          lease.bytes[lease.bytes.length - 1] = mark;
          held.push({ lease, holders: 1, mark });
          continue;
        }
        const holding = held[('retain' in move ? move.retain : move.release) % Math.max(1, held.length)];
        if (holding === undefined) continue;
        check(holding);
        if ('retain' in move) {
          holding.lease.retain();
          holding.holders++;
        } else {
          holding.lease.release();
          if (--holding.holders === 0) held.splice(held.indexOf(holding), 1);
        }
      }
      held.forEach(check);
      const leased = [...pool.classes.values()].map(({ stats }) => stats.leased);
      expect(leased.reduce((sum, count) => sum + count, pool.oversizedStats.leased)).toBe(held.length);
    }),
  );
});
