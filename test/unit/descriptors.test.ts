import { pino } from 'pino';
import { expect, test } from 'vitest';
import { readDescriptors, subscriptionsWithin } from '../../src/admission/descriptors.ts';

const log = pino({ level: 'silent' });

test.each([
  // If the system does not report limits, the wanted number is used.
  [undefined, 15_000, 15_000],
  [{ limit: 1_048_576, open: 25 }, 15_000, 15_000],
  [{ limit: 16_384, open: 25 }, 15_000, 15_000],
  // A share of 5 % is kept, at least 64.
  [{ limit: 4_096, open: 25 }, 15_000, 3_866],
  [{ limit: 1_024, open: 25 }, 15_000, 935],
  [{ limit: 1_024, open: 25 }, 100, 100],
  // One is always accepted; the kernel decides whether that is possible.
  [{ limit: 64, open: 25 }, 15_000, 1],
])('With descriptors %j, of %i wanted subscriptions %i are possible.', (descriptors, wanted, allowed) => {
  expect(subscriptionsWithin(descriptors, wanted, log)).toBe(allowed);
});

test.skipIf(process.platform !== 'linux')('Linux tells the limit of file descriptors and how many are open.', () => {
  const { limit, open } = readDescriptors()!;
  expect(limit).toBeGreaterThan(64);
  expect(open).toBeGreaterThan(2);
  expect(open).toBeLessThan(limit);
});
