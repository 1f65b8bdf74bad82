import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { subscribers: 10_000, connectingAtOnce: 256, appendsPerSecond: 100 };

/** Peers without a bound are measured once. */
const repeats = (target: string) => (['pokewire', 'node-net'].includes(target) ? 3 : 1);

/** 10,000 subscribers connect at once; then again during appends that none of them selects. */
export async function connectionStorm(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, ['node-net', 'nchan', 'fastify-plain']);
  const series = await repeatInTurn(context, targets, repeats, measureStorm);
  const ms = (name: string) => medianOf(series, name, 'connectedMs');
  const cpu = (name: string) => medianOf(series, name, 'cpuUsPerConnection');
  return {
    scenario: 'connection-storm',
    settings,
    series,
    missing,
    verdicts: [
      atMost('5e', 'time to connect 10,000, times that of node:net', ms('pokewire') / ms('node-net'), 2),
      atMost(
        '5b',
        'CPU per connection in a storm of 10,000, times that of node:net',
        cpu('pokewire') / cpu('node-net'),
        2,
      ),
      atMost('5c', 'append p99 meanwhile, ms', medianOf(series, 'pokewire', 'appendP99Ms'), 50),
    ],
  };
}

async function measureStorm(target: Target): Promise<Reading> {
  const alone = await Bench.run(target, async (bench) => {
    const meter = bench.meter(bench.reader.pid);
    const ms = await bench.reader.connect(settings.subscribers);
    const { serverCpuSeconds, serverShare, loadShare, strangerShare } = meter.read();
    const cpuUsPerConnection = (serverCpuSeconds / settings.subscribers) * 1_000_000;
    return { connectedMs: ms, cpuUsPerConnection, serverShare, loadShare, strangerShare };
  });
  // A peer would deliver these appends to all subscribers.
  if (!target.hasMetrics) return alone;
  return Bench.run(target, async (bench) => {
    const pace = (durationMs: number) => bench.pace({ perSecond: settings.appendsPerSecond, durationMs }, 'other');
    await pace(500);
    const quiet = await pace(1_000);
    const [{ ackMs }, ms] = await Promise.all([pace(alone.connectedMs), bench.reader.connect(settings.subscribers)]);
    const appends = { quietAppendP99Ms: quiet.ackMs.p99, appendP99Ms: ackMs.p99, appendMaxMs: ackMs.max };
    return { ...alone, ...appends, connectedWhileAppendingMs: ms };
  });
}
