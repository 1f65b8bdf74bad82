import { Bench } from '../lib/bench.ts';
import { residentKib } from '../lib/machine.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { messages: 1_000_000, subscribersInTurn: 3 };

/** One subscriber that receives a log of 1,000,000 messages from the start. */
export async function catchUp(context: Context): Promise<ScenarioResult> {
  const targets = [pokewireOf(context), pokewireOf(context, ['--pooling', 'off'], 'pooling off')];
  const series = await repeatInTurn(context, targets, 2, measureCatchUp);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  const unpooled = (name: string) => medianOf(series, 'pooling off', name);
  return {
    scenario: 'catch-up',
    settings,
    series,
    missing: [],
    verdicts: [
      atLeast('7a', 'catch-up: pokes/s to one subscriber', ours('pokesPerSecond'), 2_000_000),
      atLeast(
        '4c',
        'catch-up: CPU per poke without pools, times that with them',
        unpooled('cpuUsPerPoke') / ours('cpuUsPerPoke'),
        1.1,
      ),
      atMost('7c', 'MiB the server grew while one subscriber caught up with 1,000,000', ours('grewMib'), 64),
    ],
  };
}

function measureCatchUp(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, subscribersInTurn } = settings;
    await bench.fill(messages);
    const before = await bench.settledKib();
    // Every frame of the first is parsed; the others are compared with it, which costs the load client little.
    const first = await bench.subscribe(1);
    const { completedAtUs } = await bench.awaitAll(messages);
    const firstSeconds = (completedAtUs - first.startUs) / 1_000_000;
    const meter = bench.meter();
    let seconds = 0;
    for (let made = 0; made < subscribersInTurn; made++) {
      const { startUs } = await bench.subscribe(1);
      seconds += ((await bench.awaitAll(messages)).completedAtUs - startUs) / 1_000_000;
    }
    const { serverCpuSeconds, strangerShare } = meter.read();
    const pokes = messages * subscribersInTurn;
    return {
      pokesPerSecond: pokes / seconds,
      firstPokesPerSecond: messages / firstSeconds,
      cpuUsPerPoke: (serverCpuSeconds / pokes) * 1_000_000,
      grewMib: (residentKib(bench.server.pid) - before) / 1_024,
      strangerShare,
    };
  });
}
