import { Appenders } from '../lib/appenders.ts';
import { Bench } from '../lib/bench.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

/** Long enough for both to be compiled: after one second an append still cost a third more than after six. */
const settings = { connections: 64, warmUpSeconds: 3, measureSeconds: 2 };

/** Single appends by autocannon, beside a Fastify route that takes the same body and does nothing. */
export async function append(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, ['fastify-empty-post']);
  const series = await repeatInTurn(context, targets, 3, measureAppend);
  const rate = (name: string) => medianOf(series, name, 'requestsPerSecond');
  return {
    scenario: 'append',
    settings,
    series,
    missing,
    verdicts: [
      atLeast('8a', 'requests/s, times those of an empty route', rate('pokewire') / rate('fastify-empty-post'), 0.7),
    ],
  };
}

function measureAppend(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const appenders = new Appenders();
    try {
      const { connections, warmUpSeconds, measureSeconds } = settings;
      const { port } = bench.server;
      const order = { port, path: target.appendPath('account'), body: target.appendBody, connections };
      await appenders.run({ ...order, seconds: warmUpSeconds });
      const meter = bench.meter(appenders.pid);
      const report = await appenders.run({ ...order, seconds: measureSeconds });
      const { serverShare, serverCpuSeconds, loadShare, strangerShare } = meter.read();
      const cpuUsPerRequest = (serverCpuSeconds / report.requests) * 1_000_000;
      const { requestsPerSecond, p50Ms, p99Ms } = report;
      return { requestsPerSecond, p50Ms, p99Ms, cpuUsPerRequest, serverShare, loadShare, strangerShare };
    } finally {
      appenders.stop();
    }
  });
}
