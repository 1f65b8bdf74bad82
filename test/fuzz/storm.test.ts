import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

/** `FUZZ_SEED` reproduces a run. A failure names the branch that failed, for `npm run fuzz -- --seed … --branch …`. */
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const requests = 12_000;

/** Compiled code takes some 0.5 MB of it; a leak of 250 bytes per request would exceed it. */
const heapGrowth = 2_000_000;
const externalGrowth = 1_000_000;
/** Generous, because a busy machine may leave the server without a core for a while. */
const longestHealthMs = 15_000;

test.each(['off', 'token'] as const)(
  'A server with --auth %s survives a storm of requests of every kind, answers as documented, and has every message it announced.',
  async (auth) => {
    console.log(`FUZZ_SEED=${seed}`);
    const { tallies, auditedMessages, growth, slowestHealthMs, problems } = await fuzz({ auth, seed, requests });
    expect(problems).toEqual([]);
    expect(tallies.reduce((sum, tally) => sum + tally.requests, 0)).toBeGreaterThanOrEqual(requests);
    // The grammar is useful only while many of its requests are accepted.
    const succeeded = tallies.reduce(
      (sum, { statuses }) => sum + (statuses.get(200) ?? 0) + (statuses.get(201) ?? 0),
      0,
    );
    expect(succeeded).toBeGreaterThan(requests / 5);
    expect(auditedMessages).toBeGreaterThan(requests / 50);
    expect(growth.heap).toBeLessThan(heapGrowth);
    expect(growth.external).toBeLessThan(externalGrowth);
    expect(slowestHealthMs).toBeLessThan(longestHealthMs);
  },
);
