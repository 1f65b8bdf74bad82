import type { ScenarioResult, Series } from '../lib/results.ts';
import { type Context, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const counts = [100, 1_000, 10_000];
const publishers = [1, 64];
const settings = { counts, publishers, warmUpMs: 1_000, measureMs: 600 };
/** With one publisher a batch is a single poke, so each lower bound is measured only where it differs. */
const peersOf = (publishers: number) => [publishers === 1 ? 'node-net-nagle' : 'node-net-batched-nagle', 'nchan'];

/** Throughput by number of subscribers, for the chart. */
export async function subscribers(context: Context): Promise<ScenarioResult> {
  const series: Series[] = [];
  const notHere: ScenarioResult['missing'][number][] = [];
  for (const writers of publishers) {
    const { targets, missing } = targetsOf(context, peersOf(writers));
    notHere.push(...missing);
    for (const count of counts) {
      context.say(`${writers} publishers, ${count} subscribers`);
      const { warmUpMs, measureMs } = settings;
      const setting = { publishers: writers, subscribers: count };
      const measured = await repeatInTurn(context, targets, 1, (target) =>
        measureThroughput(target, { ...setting, warmUpMs, measureMs }),
      );
      series.push(...measured.map((one) => ({ ...one, setting })));
    }
  }
  return { scenario: 'subscribers', settings, series, missing: notHere, verdicts: [] };
}
