import { expect, test } from 'vitest';
import { slowRequests } from './slow-requests.ts';
import { measureSlowTurns } from './slow-turns.ts';

/**
 * Longest permitted turn in units of calibration: far below the faults that this looks for, which took ten and more,
 * and above what other work on the machine adds. `npm run turns` has exact figures.
 */
const bound = 4;

/** The most expensive shapes, each for a different reason; `npm run turns` measures all. */
const shapes = new Set([
  'many members',
  'members by index',
  'one member again and again',
  'empty arrays',
  'escaped names',
  'white space between all tokens',
]);

test('No request of at most 1 MiB blocks the event loop for long.', { timeout: 300_000 }, async () => {
  const { calibrationMs, turns } = await measureSlowTurns({
    repeats: 5,
    enoughMs: (calibration) => bound * calibration,
    asksHistogram: false,
    corpus: slowRequests.filter(({ shape }) => shape === undefined || shapes.has(shape)),
  });
  expect(turns.filter(({ cpuMs }) => cpuMs > bound * calibrationMs)).toEqual([]);
  expect(turns.filter(({ status }) => status >= 500)).toEqual([]);
});
