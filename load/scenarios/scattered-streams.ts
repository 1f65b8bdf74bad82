import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { others: 15_000, appends: 12_000, connections: 4 };

/** Appends to a stream with one subscriber: alone, and with 15,000 subscribers of as many other streams. */
export async function scatteredStreams(context: Context): Promise<ScenarioResult> {
  const target = pokewireOf(context, ['--max-subscriptions', '20000']);
  const series = await repeatInTurn(context, [target], 2, measureScattered);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'scattered-streams',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost(
        '6a',
        'CPU per append beside 15,000 others, times that alone',
        ours('withOthersCpuUs') / ours('aloneCpuUs'),
        1.1,
      ),
      atMost(
        '6a',
        'p50 of an append beside 15,000 others, times that alone',
        ours('withOthersP50Ms') / ours('aloneP50Ms'),
        1.1,
      ),
    ],
  };
}

function measureScattered(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { others, appends, connections } = settings;
    await bench.subscribe(1, 'stream=account-0', 'one');
    let frames = 0;
    const measure = async () => {
      const meter = bench.meter();
      const { ackMs } = await bench.publish({ connections, count: appends, streams: 1 });
      frames += appends;
      await bench.awaitAll(frames, 20_000, 'one');
      return { cpuUs: (meter.read().serverCpuSeconds / appends) * 1_000_000, p50Ms: ackMs.p50 };
    };
    await measure();
    await measure();
    const before = await measure();
    await bench.subscribe(others, 'stream=other-{}', 'others');
    // Connecting them leaves garbage that must not be counted.
    await bench.settledKib();
    await measure();
    const withOthers = await measure();
    await bench.subscribers.leave('others');
    await bench.settledKib();
    const after = await measure();
    return {
      aloneCpuUs: (before.cpuUs + after.cpuUs) / 2,
      aloneP50Ms: (before.p50Ms + after.p50Ms) / 2,
      withOthersCpuUs: withOthers.cpuUs,
      withOthersP50Ms: withOthers.p50Ms,
    };
  });
}
