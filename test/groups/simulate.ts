import { setImmediate as nextTurn } from 'node:timers/promises';
import { type SimCounts, type SimOptions, World } from './world.ts';

export type Simulation = Omit<SimOptions, 'seed'> & {
  readonly firstSeed: number;
  readonly count: number;
  /** Ends after the schedule during which this time is over. */
  readonly limitMs?: number;
  /** Ends with the first schedule that fails. */
  readonly stopsAtFailure?: boolean;
};

export type SimReport = {
  readonly runs: number;
  readonly failures: readonly { readonly seed: number; readonly why: string }[];
  readonly counts: SimCounts;
};

/** Runs schedules of random faults, one per seed; a seed always gives the same schedule. */
export async function simulate(simulation: Simulation): Promise<SimReport> {
  const { firstSeed, count, limitMs = Number.POSITIVE_INFINITY, stopsAtFailure = false, ...options } = simulation;
  const startMs = performance.now();
  const failures: { seed: number; why: string }[] = [];
  const counts: SimCounts = {};
  let runs = 0;
  for (let seed = firstSeed; seed < firstSeed + count && performance.now() - startMs < limitMs; seed++) {
    const world = new World({ ...options, seed });
    try {
      await world.run();
    } catch (error) {
      failures.push({
        seed,
        why: `at ${Math.round(world.time.now)} ms: ${error instanceof Error ? error.message : error}`,
      });
    }
    runs++;
    // A schedule itself never waits, and the process has other things to do.
    await nextTurn();
    for (const [name, value] of Object.entries(world.counts)) counts[name] = (counts[name] ?? 0) + value;
    if (stopsAtFailure && failures.length > 0) break;
  }
  return { runs, failures, counts };
}
