import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdIndex, idHash } from '../../src/store/memory/id-index.ts';
import { firstNotBefore } from '../../src/store/memory/row-list.ts';
import { RowMerge } from '../../src/store/memory/row-merge.ts';

/** Where each row stands at its own number, so that lists of global positions can be written down. */
const table = { globalPosition: (row: number) => row };

const fewHashes = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  // Collisions, of the whole hash, of its part and of its slot.
  fc.constantFrom(0, 1, 16, 17, 2 ** 26, 2 ** 26 + 1, 2 ** 32 - 1, 2 ** 32 - 17),
);

test('an id index finds exactly the rows that were added, also where hashes collide', () => {
  fc.assert(
    fc.property(fc.array(fewHashes, { maxLength: 300, size: 'max' }), fewHashes, (hashes, other) => {
      const index = new IdIndex((row) => hashes[row]!);
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

test('the hash of an id is an unsigned 32-bit integer and depends on the id alone', () => {
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      const hash = idHash(id);
      expect([Number.isInteger(hash), hash >= 0, hash < 2 ** 32, idHash(id)]).toEqual([true, true, true, hash]);
    }),
  );
});

const rows = fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 30 }).map((rows) => rows.sort((a, b) => a - b));

test('a merge of row lists gives each row once, in order, from any row on', () => {
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

test('the first row not before another is found as by looking at each', () => {
  fc.assert(
    fc.property(rows, fc.nat({ max: 70 }), (rows, row) => {
      const index = rows.findIndex((candidate) => candidate >= row);
      expect(firstNotBefore(rows, table, row)).toBe(index === -1 ? rows.length : index);
    }),
  );
});
