import { Bench } from '../lib/bench.ts';
import { DatabaseFolder } from '../lib/database.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { storeTargets } from '../lib/stores.ts';
import type { Target } from '../lib/target.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = {
  alone: { perSecond: 100, warmUpMs: 1_500, measureMs: 2_000 },
  crowd: { publishers: 64, subscribers: 1_000, warmUpMs: 2_000, measureMs: 1_000 },
};

/** Latency from an append to its poke: with one writer and one subscriber, and with 64 writers and 1,000 subscribers. */
export async function durableDelivery(context: Context): Promise<ScenarioResult> {
  using folder = new DatabaseFolder();
  const stores = storeTargets(context, folder, 'one');
  const series = await repeatInTurn(context, stores, 3, async (target) => ({
    ...(await measureAlone(target)),
    ...(await measureThroughput(target, settings.crowd)),
  }));
  const of = (store: string, name: string) => medianOf(series, store, name);
  return {
    scenario: 'durable-delivery',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost(
        '9c',
        'durable append to poke alone: p50 ms more than from memory',
        of('sqlite', 'aloneP50Ms') - of('memory', 'aloneP50Ms'),
        0.6,
      ),
      atLeast(
        '9d',
        'deliveries/s of durable appends by 64 publishers, times those from memory',
        of('sqlite', 'deliveriesPerSecond') / of('memory', 'deliveriesPerSecond'),
        0.8,
      ),
    ],
  };
}

function measureAlone(target: Target): Promise<Reading> {
  return Bench.run(target, async ({ reader }) => {
    const { perSecond, warmUpMs, measureMs } = settings.alone;
    await reader.connect(1);
    await reader.publish({ connections: 1, perSecond: 0, durationMs: warmUpMs });
    const { latencyMs } = await reader.publish({ connections: 1, perSecond, durationMs: measureMs });
    return { aloneP50Ms: latencyMs.p50, aloneP99Ms: latencyMs.p99 };
  });
}
