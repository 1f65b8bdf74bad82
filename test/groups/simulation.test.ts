import { expect, test } from 'vitest';
import { simulate } from './simulate.ts';
import { simulateClients } from './simulate-clients.ts';

/** Number of schedules of random faults; a slow machine runs fewer. */
const schedules = Number(process.env.GROUPS_SCHEDULES ?? 2_000);
const limitMs = 240_000;

test.each([
  { handOverMs: 1_500, firstSeed: 1 },
  { handOverMs: 8_000, firstSeed: 500_001 },
])(
  'Groups keep their guarantees in random schedules with a hand-over time of $handOverMs ms.',
  async ({ handOverMs, firstSeed }) => {
    const { runs, failures, counts } = await simulate({ firstSeed, count: schedules / 2, handOverMs, limitMs });
    expect(failures).toEqual([]);
    expect(runs).toBeGreaterThan(50);
    // Otherwise nothing was tested.
    expect(counts.handlers).toBeGreaterThan(runs * 50);
  },
  300_000,
);

test('Members of the client handle each stream in order in each generation, and all messages, in random schedules.', async () => {
  const { runs, failures, counts } = await simulateClients({
    firstSeed: 1,
    count: schedules / 25,
    handOverMs: 1_500,
    limitMs: 60_000,
  });
  expect(failures).toEqual([]);
  expect(runs).toBeGreaterThan(5);
  expect(counts.handlers).toBeGreaterThan(runs * 50);
}, 300_000);
