import { Appenders } from '../lib/appenders.ts';
import { Bench } from '../lib/bench.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

/** Long enough to compile both: after one second an append still took a third longer than after six. */
const settings = { connections: 64, warmUpMs: 3_000, measureMs: 2_000, autocannonSeconds: 1 };

/** Single appends without subscribers, compared with a Fastify route that parses the same body and does nothing. */
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
      atLeast(
        '8a',
        'append over HTTP: requests/s, times those of an empty route',
        rate('pokewire') / rate('fastify-empty-post'),
        0.75,
      ),
    ],
  };
}

function measureAppend(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { reader } = bench;
    const { connections, warmUpMs, measureMs } = settings;
    await reader.publish({ connections, perSecond: 0, durationMs: warmUpMs });
    const meter = bench.meter(reader.pid);
    const { published, ackMs, busyShare } = await reader.publish({ connections, perSecond: 0, durationMs: measureMs });
    const { seconds, serverShare, serverCpuSeconds, strangerShare } = meter.read();
    return {
      requestsPerSecond: published / seconds,
      // Measured with a client that anyone can run. It needs more time per request than the reader in C.
      autocannonRequestsPerSecond: await askByAutocannon(bench, target),
      p50Ms: ackMs.p50,
      p99Ms: ackMs.p99,
      cpuUsPerRequest: (serverCpuSeconds / published) * 1_000_000,
      serverShare,
      loadShare: busyShare,
      strangerShare,
    };
  });
}

async function askByAutocannon(bench: Bench, target: Target): Promise<number> {
  const appenders = new Appenders();
  try {
    const { connections, autocannonSeconds: seconds } = settings;
    const { port } = bench.server;
    const order = { port, path: target.appendPath('account'), body: target.appendBody, connections, seconds };
    return (await appenders.run(order)).requestsPerSecond;
  } finally {
    appenders.stop();
  }
}
