import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, repeatSteps, targetsOf } from '../lib/scenario.ts';
import { median } from '../lib/statistics.ts';
import type { Target } from '../lib/target.ts';

type Step = { readonly subscribers: number; readonly perSecond: number };

/** Steps that one server process is measured at; more subscribers join from step to step. */
const ladders: readonly { readonly steps: readonly Step[]; readonly repeats: number }[] = [
  {
    steps: [
      { subscribers: 10, perSecond: 500 },
      { subscribers: 100, perSecond: 500 },
    ],
    repeats: 3,
  },
  {
    steps: [
      { subscribers: 1_000, perSecond: 100 },
      { subscribers: 1_000, perSecond: 200 },
    ],
    repeats: 3,
  },
  { steps: [{ subscribers: 10_000, perSecond: 10 }], repeats: 2 },
];
/** First as fast as answers arrive, so that code in Node is compiled; then briefly at the measured rate. */
const warmUpMs = { closed: 1_200, paced: 300 };
const measureMs = 1_500;
/** A server that takes this much longer than its writer has a growing queue, so its latency depends only on the duration. */
const keepsUpWithinMs = 20;
const peers = ['node-net', 'nchan', 'eventodb'];
/** Peers without a bound are measured once. */
const onceOnly = ['nchan', 'eventodb'];

/** Latency of each delivery, from the send of its append to the read, with a writer at a fixed rate. */
export async function latency(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series: Series[] = [];
  for (const { steps, repeats } of ladders) {
    const repeatsOf = (target: string) => (onceOnly.includes(target) ? 1 : repeats);
    const measured = await repeatSteps(context, targets, repeatsOf, steps, (target) => measureSteps(target, steps));
    series.push(...measured.flat());
  }
  const verdict = (id: string, { subscribers, perSecond }: Step, name: 'p50Ms' | 'p99Ms', bound: number) => {
    const find = (target: string) =>
      medianKeepingUp(
        series.find(
          (one) =>
            one.target === target && one.setting?.subscribers === subscribers && one.setting.perSecond === perSecond,
        ),
        name,
      );
    const claim = `${subscribers.toLocaleString('en')} subscribers at ${perSecond}/s: ${name.slice(0, 3)}, times that of node:net`;
    return atMost(id, claim, find('pokewire') / find('node-net'), bound);
  };
  const [few, many, most] = ladders.map(({ steps }) => steps) as [Step[], Step[], Step[]];
  return {
    scenario: 'latency',
    settings: { warmUpMs, measureMs, ladders },
    series,
    missing,
    verdicts: [
      ...many.flatMap((step) => [verdict('3a', step, 'p50Ms', 1.15), verdict('3a', step, 'p99Ms', 1.3)]),
      ...few.flatMap((step) => [verdict('3c', step, 'p50Ms', 1.15), verdict('3c', step, 'p99Ms', 1.5)]),
      ...most.map((step) => verdict('3b', step, 'p99Ms', 1.5)),
    ],
  };
}

/** Median of the repeats in which the server kept up with its writer; NaN if there are none. */
function medianKeepingUp(measured: Series | undefined, name: string): number {
  const keptUp = (measured?.repeats ?? []).filter(({ lateMs }) => (lateMs ?? 0) <= keepsUpWithinMs);
  return median(keptUp.map((repeat) => repeat[name] ?? Number.NaN));
}

function measureSteps(target: Target, steps: readonly Step[]): Promise<Reading[]> {
  return Bench.run(target, async (bench) => {
    const { reader } = bench;
    const readings: Reading[] = [];
    let connected = 0;
    for (const { subscribers, perSecond } of steps) {
      const coming = subscribers - connected;
      if (coming > 0) {
        await reader.connect(coming);
        connected = subscribers;
        await reader.publish({ connections: 1, perSecond: 0, durationMs: warmUpMs.closed });
      }
      await reader.publish({ connections: 1, perSecond, durationMs: warmUpMs.paced });
      const meter = bench.meter(reader.pid);
      const { latencyMs, deliveries, seconds, busyShare } = await reader.publish({
        connections: 1,
        perSecond,
        durationMs: measureMs,
      });
      const { serverCpuSeconds, serverShare, strangerShare } = meter.read();
      readings.push({
        p50Ms: latencyMs.p50,
        p90Ms: latencyMs.p90,
        p99Ms: latencyMs.p99,
        maxMs: latencyMs.max,
        lateMs: Math.max(0, seconds * 1_000 - measureMs),
        cpuUsPerDelivery: (serverCpuSeconds / deliveries) * 1_000_000,
        serverShare,
        loadShare: busyShare,
        strangerShare,
      });
    }
    return readings;
  });
}
