import { expect, test } from 'vitest';
import { OwnTimes } from '../../src/store/postgres/own-times.ts';

test('Times of own commits are known until their positions are settled, in whatever order lanes add them.', () => {
  const times = new OwnTimes();
  times.note([4, 5], 20);
  times.note([2, 3], 10);
  expect([2, 3, 4, 5, 6].map((position) => times.of(position))).toEqual([10, 10, 20, 20, 0]);
  times.settle(4);
  expect([4, 5].map((position) => times.of(position))).toEqual([0, 20]);
  times.settle(5);
  expect([2, 3, 5].map((position) => times.of(position))).toEqual([0, 0, 0]);
});

test('The number of times of unannounced commits is bounded, and entries are removed once they are settled.', () => {
  const times = new OwnTimes();
  times.note(
    Array.from({ length: 10_001 }, (_value, n) => n + 1),
    10,
  );
  expect([10_000, 10_001].map((position) => times.of(position))).toEqual([10, 0]);
  times.settle(10_001);
  times.note([10_002], 20);
  expect(times.of(10_002)).toBe(20);
});
