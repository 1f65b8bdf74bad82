import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import { percentiles } from '../lib/statistics.ts';
import type { Target } from '../lib/target.ts';

type Setting = {
  readonly subscribers: number;
  readonly perSecond: number;
  readonly measureMs: number;
  /** Of those that a target is about; others are measured once. */
  readonly repeats: number;
  readonly about: readonly string[];
};

const warmUpMs = 1_500;
const compiledWarmUpMs = 300;
/** What the load client's reading adds to a latency at most, and the resolution of what is measured. */
const burstPauseMs = 1;
const settings: readonly Setting[] = [
  { subscribers: 1_000, perSecond: 100, measureMs: 1_000, repeats: 1, about: [] },
  { subscribers: 1_000, perSecond: 200, measureMs: 1_500, repeats: 5, about: ['pokewire', 'nchan'] },
  { subscribers: 1_000, perSecond: 400, measureMs: 1_000, repeats: 1, about: [] },
  { subscribers: 10_000, perSecond: 10, measureMs: 1_500, repeats: 2, about: ['pokewire', 'node-net'] },
];
const peers = ['nchan', 'node-net', 'node-net-nagle'];

/** From the append to the last subscriber's reading, with a writer that keeps to the clock whatever the server does. */
export async function latency(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series: Series[] = [];
  for (const { repeats, about, ...setting } of settings) {
    context.say(`${setting.subscribers} subscribers, ${setting.perSecond} messages/s`);
    const measured = await repeatInTurn(
      context,
      targets,
      (target) => (about.includes(target) ? repeats : 1),
      (target) => measureLatency(target, setting),
    );
    series.push(...measured.map((one) => ({ ...one, setting })));
  }
  const find = (target: string, perSecond: number, name: string) =>
    series.find((one) => one.target === target && one.setting?.perSecond === perSecond)?.median[name] ?? Number.NaN;
  const share = (peer: string, perSecond: number, name: string) =>
    find('pokewire', perSecond, name) / find(peer, perSecond, name);
  return {
    scenario: 'latency',
    settings: { warmUpMs, settings },
    series,
    missing,
    verdicts: [
      atMost('3a', '1,000 subscribers at 200/s: p50, times that of nchan', share('nchan', 200, 'p50Ms'), 1),
      atMost('3a', '1,000 subscribers at 200/s: p99, times that of nchan', share('nchan', 200, 'p99Ms'), 1),
      atMost('3b', '10,000 subscribers at 10/s: p99, times that of node:net', share('node-net', 10, 'p99Ms'), 1.5),
      atMost('3b', '… of node:net with Nagle', share('node-net-nagle', 10, 'p99Ms'), 1.5),
    ],
  };
}

function measureLatency(
  target: Target,
  { subscribers, perSecond, measureMs }: Pick<Setting, 'subscribers' | 'perSecond' | 'measureMs'>,
): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    await bench.subscribe(subscribers);
    await bench.subscribers.readInBursts(burstPauseMs);
    const pace = (durationMs: number) => bench.pace({ perSecond, durationMs });
    const warmUp = (await pace(target.compiled ? compiledWarmUpMs : warmUpMs)).sentAtUs.length;
    // The answer may come before the telling, and the first message measured must not wait for the last of the warm-up.
    await bench.awaitAll(warmUp);
    const meter = bench.meter();
    const { sentAtUs } = await pace(measureMs);
    const { serverShare, loadShare, strangerShare } = meter.read();
    await bench.awaitAll(warmUp + sentAtUs.length);
    const completedAtUs = await bench.subscribers.completions('all', warmUp);
    const { p50, p99, max } = percentiles(sentAtUs.map((sentUs, at) => (completedAtUs[at]! - sentUs) / 1_000));
    return { p50Ms: p50, p99Ms: p99, maxMs: max, serverShare, loadShare, strangerShare };
  });
}
