import type { ScenarioResult } from '../lib/results.ts';
import { atLeast, type Series, type Verdict } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = { publishers: [1, 64], subscribers: 1_000, warmUpMs: 1_500, measureMs: 800 };

/** Factor in CPU time that exceeds the difference between repeats. */
const slower = 1.1;

/** The whole server with and without pools. */
export async function pooling(context: Context): Promise<ScenarioResult> {
  const targets = [pokewireOf(context, [], 'pooling on'), pokewireOf(context, ['--pooling', 'off'], 'pooling off')];
  const all: Series[] = [];
  const verdicts: Verdict[] = [];
  for (const publishers of settings.publishers) {
    const series = await repeatInTurn(context, targets, 3, (target) =>
      measureThroughput(target, { ...settings, publishers }),
    );
    const share = (name: string) => medianOf(series, 'pooling off', name) / medianOf(series, 'pooling on', name);
    const allocated = (target: string) =>
      series
        .find((one) => one.target === target)!
        .repeats.map((repeat) => repeat.allocatedBytesPerAppend ?? Number.NaN);
    all.push(...series.map((one) => ({ ...one, setting: { publishers } })));
    const said = `${publishers} publisher${publishers === 1 ? '' : 's'}, without pools`;
    // Either is enough, because a pool saves work or memory. The difference must exceed that between repeats.
    const isSlower = share('cpuUsPerDelivery') >= slower;
    verdicts.push(
      isSlower
        ? atLeast('4c', `${said}: CPU per delivery, times that with them`, share('cpuUsPerDelivery'), slower)
        : atLeast(
            '4c',
            `${said}: bytes allocated per append, the least of all repeats, times the most with them`,
            Math.min(...allocated('pooling off')) / Math.max(...allocated('pooling on')),
            1,
          ),
    );
  }
  return { scenario: 'pooling', settings, missing: [], series: all, verdicts };
}
