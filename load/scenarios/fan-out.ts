import { alternatives, isUnbounded } from '../lib/peers.ts';
import { atLeast, atMost, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = { publishers: 1, subscribers: 1_000, warmUpMs: 1_500, measureMs: 1_000 };
/** Peers without a bound are measured once. */
const repeats = (target: string) => (isUnbounded(target) ? 1 : target.endsWith('nagle') ? 2 : 3);
const peers = ['c-floor', 'c-floor-nagle', 'node-net', 'node-net-nagle', ...alternatives];

/** One writer that waits for each answer, and 1,000 subscribers of one category. */
export async function fanOut(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series = await repeatInTurn(context, targets, repeats, (target) => measureThroughput(target, settings));
  const rate = (name: string) => medianOf(series, name, 'deliveriesPerSecond');
  const cpu = (name: string) => medianOf(series, name, 'cpuUsPerDelivery');
  const share = (name: string) => cpu('pokewire') / cpu(name);
  return {
    scenario: 'fan-out',
    settings,
    series,
    missing,
    verdicts: [
      atLeast(
        '1a',
        '1 publisher that waits, 1,000 subscribers: deliveries/s, times those of nchan',
        rate('pokewire') / rate('nchan'),
        5,
      ),
      atMost('1b', 'CPU per delivery, times that of the C floor with TCP_NODELAY', share('c-floor'), 1.3),
      atMost('1b', 'CPU per delivery, times that of the C floor with Nagle', share('c-floor-nagle'), 1.3),
      atMost('1c', 'CPU per delivery, times that of node:net with TCP_NODELAY', share('node-net'), 1.05),
      atMost('1c', 'CPU per delivery, times that of node:net with Nagle', share('node-net-nagle'), 1.05),
    ],
  };
}
