import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashIndex, textHash } from '../../src/store/memory/hash-index.ts';
import { firstNotBefore } from '../../src/store/memory/row-list.ts';
import { RowMerge } from '../../src/store/memory/row-merge.ts';

/** Each row's global position is its own number, so that tests can write down lists of them. */
const table = { globalPosition: (row: number) => row };

const fewHashes = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  // Collisions of the whole hash, its part and its slot.
  fc.constantFrom(0, 1, 16, 17, 2 ** 26, 2 ** 26 + 1, 2 ** 32 - 1, 2 ** 32 - 17),
);

test('a hash index finds exactly the added rows, even if hashes collide', () => {
  fc.assert(
    fc.property(fc.array(fewHashes, { maxLength: 300, size: 'max' }), fewHashes, (hashes, other) => {
      const index = new HashIndex((row) => hashes[row]!);
      hashes.forEach((hash, row) => {
        expect(index.find(hash, (candidate) => candidate === row)).toBe(-1);
        index.add(hash, row);
      });
      hashes.forEach((hash, row) => {
        expect(index.find(hash, (candidate) => candidate === row)).toBe(row);
      });
      const tried: number[] = [];
      expect(index.find(other, (row) => tried.push(row) < 0)).toBe(-1);
      const expected = hashes.flatMap((hash, row) => (hash === other ? [row] : []));
      expect(tried.sort((a, b) => a - b)).toEqual(expected);
    }),
  );
});

test('a hash index finds exactly the remaining rows, however many were removed or renumbered', () => {
  const step = fc.record({ at: fc.nat(), does: fc.constantFrom('remove', 'replace') });
  fc.assert(
    fc.property(
      fc.array(fewHashes, { maxLength: 200, size: 'max' }),
      fc.array(step, { maxLength: 200 }),
      (all, steps) => {
        const hashes = [...all];
        const index = new HashIndex((row) => hashes[row]!);
        for (const [row, hash] of all.entries()) index.add(hash, row);
        const left = hashes.map((_hash, row) => row);
        for (const { at, does } of steps) {
          if (left.length === 0) break;
          const [row] = left.splice(at % left.length, 1);
          const hash = hashes[row!]!;
          if (does === 'remove') index.remove(hash, row!);
          else {
            const moved = hashes.push(hash) - 1;
            index.replace(hash, row!, moved);
            left.push(moved);
          }
        }
        const found = hashes.filter((hash, row) => index.find(hash, (candidate) => candidate === row) === row).length;
        expect(found).toBe(left.length);
        for (const row of left) expect(index.find(hashes[row]!, (candidate) => candidate === row)).toBe(row);
      },
    ),
  );
});

test('adding an entry moves a small part of the others, so that no call takes long', () => {
  let moved = 0;
  const hashes: number[] = [];
  const index = new HashIndex((row) => {
    moved++;
    return hashes[row]!;
  });
  let most = 0;
  for (let row = 0; row < 100_000; row++) {
    const hash = textHash(`account-${row}`);
    hashes.push(hash);
    moved = 0;
    index.add(hash, row);
    most = Math.max(most, moved);
  }
  expect(most).toBeLessThan(2_000);
});

test('the hash of an id is an unsigned 32-bit integer and depends only on the id', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const hash = textHash(id);
      expect([Number.isInteger(hash), hash >= 0, hash < 2 ** 32, textHash(id)]).toEqual([true, true, true, hash]);
    }),
  );
});

const rows = fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 30 }).map((rows) => rows.sort((a, b) => a - b));

test('a merge of row lists returns each row once, in order, from any starting row', () => {
  fc.assert(
    fc.property(fc.array(rows, { maxLength: 6 }), fc.nat({ max: 70 }), (lists, from) => {
      const merge = new RowMerge(lists, table, from);
      const walked: number[] = [];
      for (let row = merge.next(); row !== -1; row = merge.next()) walked.push(row);
      const expected = [...new Set(lists.flat())].filter((row) => row >= from).sort((a, b) => a - b);
      expect(walked).toEqual(expected);
      expect(merge.next()).toBe(-1);
    }),
  );
});

test('the first row at or after another one is the same as in a linear search', () => {
  fc.assert(
    fc.property(rows, fc.nat({ max: 70 }), (rows, row) => {
      const index = rows.findIndex((candidate) => candidate >= row);
      expect(firstNotBefore(rows, table, row)).toBe(index === -1 ? rows.length : index);
    }),
  );
});
