import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

/** Connections at each reading. */
const steps = [1_000, 2_500, 5_000, 10_000];
const settleMs = 500;
const settings = { steps, settleMs };
const peers = ['c-floor', 'node-net', 'nchan', 'better-sse'];

/** Resident memory of a server whose subscribers hear nothing, as they come and after they left. */
export async function idleMemory(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series = await repeatInTurn(context, targets, 1, measureMemory);
  const last = steps.at(-1)!;
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'idle-memory',
    settings,
    series,
    missing,
    verdicts: [
      atMost('5a', 'KiB resident per idle subscriber at 10,000', ours(`kibEachAt${last}`), 10),
      atMost('5a', '… the stretch', ours(`kibEachAt${last}`), 8),
      atMost('5d', 'resident after all left and came again, times the first time', ours('againShare'), 1.1),
      atMost(
        '5d',
        'share of the subscribers’ memory that stays after they left and 40,000 requests',
        ours('keptShare'),
        0.5,
      ),
    ],
  };
}

function measureMemory(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    // A first connection and append, so that what is made once is not counted as a subscriber's.
    await bench.subscribe(1, 'category=other', 'first');
    if (target.order === 'consecutive') await bench.publish({ connections: 1, count: 100 }, 'another');
    const before = await bench.settledKib(settleMs);
    const reading: Record<string, number> = { beforeMib: before / 1_024 };
    let connected = 0;
    for (const step of steps) {
      await bench.subscribe(step - connected);
      connected = step;
      reading[`kibEachAt${step}`] = ((await bench.settledKib(settleMs)) - before) / step;
    }
    const full = await bench.settledKib(0);
    await bench.subscribers.leave('all');
    const after = await bench.settledKib(settleMs * 2);
    // A process that does nothing collects no garbage; a little traffic lets it.
    if (target.hasMetrics)
      await bench.publish({ method: 'GET', path: '/health', body: '', connections: 8, count: 40_000 });
    const worked = await bench.settledKib(settleMs);
    await bench.subscribe(connected);
    const again = await bench.settledKib(settleMs);
    return {
      ...reading,
      fullMib: full / 1_024,
      leftMib: after / 1_024,
      workedMib: worked / 1_024,
      againMib: again / 1_024,
      keptShare: (worked - before) / (full - before),
      againShare: again / full,
    };
  });
}
