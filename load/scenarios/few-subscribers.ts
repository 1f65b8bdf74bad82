import { atLeast, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = { publishers: 1, subscribers: 100, warmUpMs: 2_000, measureMs: 1_000 };
const peers = ['node-net', 'nchan'];

/** One writer that waits for each answer, and so few subscribers that a flush is short. */
export async function fewSubscribers(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series = await repeatInTurn(context, targets, 3, (target) => measureThroughput(target, settings));
  const rate = (name: string) => medianOf(series, name, 'deliveriesPerSecond');
  const best = Math.max(...peers.map(rate).filter((perSecond) => !Number.isNaN(perSecond)));
  const claim = '1 publisher, 100 subscribers: deliveries/s, times the best of nchan and node:net';
  return {
    scenario: 'few-subscribers',
    settings,
    series,
    missing,
    verdicts: [atLeast('1d', claim, rate('pokewire') / best, 1)],
  };
}
