import type { ScenarioResult } from '../lib/results.ts';
import { atLeast, type Series, type Verdict } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = { publishers: [1, 64], subscribers: 1_000, warmUpMs: 1_500, measureMs: 800 };

/** The whole server with its pools and without them. */
export async function pooling(context: Context): Promise<ScenarioResult> {
  const targets = [pokewireOf(context, [], 'pooling on'), pokewireOf(context, ['--pooling', 'off'], 'pooling off')];
  const all: Series[] = [];
  const verdicts: Verdict[] = [];
  for (const publishers of settings.publishers) {
    const series = await repeatInTurn(context, targets, 5, (target) =>
      measureThroughput(target, { ...settings, publishers }),
    );
    const share = (name: string) => medianOf(series, 'pooling off', name) / medianOf(series, 'pooling on', name);
    all.push(...series.map((one) => ({ ...one, setting: { publishers } })));
    const said = `${publishers} publisher${publishers === 1 ? '' : 's'}`;
    verdicts.push(
      atLeast('4c', `${said}: CPU per delivery without pools, times that with them`, share('cpuUsPerDelivery'), 1.02),
      atLeast(
        '4c',
        `${said}: bytes allocated without pools, times those with them`,
        share('allocatedBytesPerDelivery'),
        1.1,
      ),
    );
  }
  return { scenario: 'pooling', settings, missing: [], series: all, verdicts };
}
