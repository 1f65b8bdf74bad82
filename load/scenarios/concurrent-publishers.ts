import { alternatives, isUnbounded } from '../lib/peers.ts';
import { atLeast, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = { publishers: 64, subscribers: 1_000, warmUpMs: 2_000, measureMs: 1_000 };
/** Peers without a bound are measured once. */
const isOnceOnly = (target: string) => isUnbounded(target) || /^(c-floor|node-net)-nagle$/.test(target);
const repeats = (target: string) => (isOnceOnly(target) ? 1 : target.endsWith('nagle') ? 2 : 3);
const peers = ['node-net-batched', 'node-net-batched-nagle', 'c-floor-nagle', 'node-net-nagle', ...alternatives];

/** 64 writers that wait for their answers, and 1,000 subscribers of one category. */
export async function concurrentPublishers(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series = await repeatInTurn(context, targets, repeats, (target) => measureThroughput(target, settings));
  const rate = (name: string) => medianOf(series, name, 'deliveriesPerSecond');
  const share = (name: string) => rate('pokewire') / rate(name);
  return {
    scenario: 'concurrent-publishers',
    settings,
    series,
    missing,
    verdicts: [
      atLeast(
        '2a',
        '64 publishers, 1,000 subscribers: deliveries/s, times those of nchan',
        rate('pokewire') / rate('nchan'),
        10,
      ),
      atLeast('2b', 'deliveries/s, times those of batched node:net with TCP_NODELAY', share('node-net-batched'), 0.7),
      atLeast('2b', 'deliveries/s, times those of batched node:net with Nagle', share('node-net-batched-nagle'), 0.7),
    ],
  };
}
