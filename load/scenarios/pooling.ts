import { atLeast, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { measureThroughput } from '../lib/throughput.ts';

const shared = { subscribers: 1_000, warmUpMs: 400, measureMs: 1_000 };
const settings = [
  { ...shared, publishers: 1 },
  { ...shared, publishers: 64 },
];

/** The whole server with its pools and without them. */
export async function pooling(context: Context): Promise<ScenarioResult> {
  const targets = [pokewireOf(context, [], 'pooling on'), pokewireOf(context, ['--pooling', 'off'], 'pooling off')];
  const result = { scenario: 'pooling', settings: { settings }, missing: [] };
  const all: ScenarioResult['series'][number][] = [];
  const verdicts: ScenarioResult['verdicts'][number][] = [];
  for (const setting of settings) {
    const series = await repeatInTurn(context, targets, 5, (target) => measureThroughput(target, setting));
    const share = (name: string) => medianOf(series, 'pooling off', name) / medianOf(series, 'pooling on', name);
    all.push(...series.map((one) => ({ ...one, setting: { publishers: setting.publishers } })));
    const said = setting.publishers === 1 ? 'one publisher' : `${setting.publishers} publishers`;
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
  return { ...result, series: all, verdicts };
}
