import { describe, expect, test } from 'vitest';
import { startChaos } from './start-chaos.ts';
import { chaosStores, type StartStore } from './stores.ts';

/** A short version of `npm run chaos`, made of the same parts. */
describe.each(Object.entries(chaosStores))('Three nodes over %s', (_name, start) => {
  const title = 'lose, double and reorder nothing while one process after the other is killed';
  test.skipIf(typeof start === 'string')(typeof start === 'string' ? `${title} (${start}).` : `${title}.`, async () => {
    const seed = Date.now() % 2 ** 31;
    const options = { all: false, subscribers: 30, durationMs: 100_000, calmMs: 300, seed };
    await using started = await startChaos({ ...options, start: start as StartStore });
    const { chaos } = started;
    const enough = new AbortController();
    const running = chaos.run(enough.signal);
    const isEnough = () => chaos.stored > 200 && chaos.inflicted.size === 2;
    await Promise.race([expect.poll(isEnough, { timeout: 100_000 }).toBe(true), running]);
    enough.abort();
    await running;
    expect(chaos.problems, `seed ${seed}`).toEqual([]);
    expect(chaos.wrong).toEqual({ lost: 0, doubled: 0, disordered: 0 });
  });
});
