import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from '../lib/bench.ts';
import { residentKib } from '../lib/machine.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { subscribers: 1_000, messages: 10_000, appendsPerSecond: 100, appendMs: 3_000 };

/** 1,000 subscribers connect and receive 10,000 messages each, during appends to another category. */
export async function catchUpStorm(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 2, measureCatchUpStorm);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'catch-up-storm',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('7b', 'append p99 meanwhile, ms', ours('appendP99Ms'), 50),
      atMost('7c', 'KiB the server grew at most, per subscriber', ours('grewKibPerSubscriber'), 64),
    ],
  };
}

function measureCatchUpStorm(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { subscribers, messages, appendsPerSecond, appendMs } = settings;
    await bench.fill(messages);
    const pace = (durationMs: number) => bench.pace({ perSecond: appendsPerSecond, durationMs }, 'other');
    await pace(500);
    const quiet = await pace(1_000);
    const before = residentKib(bench.server.pid);
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, residentKib(bench.server.pid));
    }, 20);
    try {
      const appending = pace(appendMs);
      await sleep(100);
      const { startUs } = await bench.subscribe(subscribers);
      const { completedAtUs } = await bench.awaitAll(messages, 40_000);
      const { ackMs } = await appending;
      return {
        seconds: (completedAtUs - startUs) / 1_000_000,
        pokesPerSecond: ((subscribers * messages) / (completedAtUs - startUs)) * 1_000_000,
        quietAppendP99Ms: quiet.ackMs.p99,
        appendP50Ms: ackMs.p50,
        appendP99Ms: ackMs.p99,
        appendMaxMs: ackMs.max,
        grewKibPerSubscriber: (most - before) / subscribers,
      };
    } finally {
      clearInterval(watch);
    }
  });
}
