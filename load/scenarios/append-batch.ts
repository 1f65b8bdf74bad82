import { arrayOf, Bench } from '../lib/bench.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { oneMessage, type Target } from '../lib/target.ts';

const settings = { connections: 8, messagesPerAppend: 100, warmUpMs: 500, measureMs: 1_000 };

/** Appends of 100 messages each. */
export async function appendBatch(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 3, measureBatches);
  const rate = medianOf(series, 'pokewire', 'messagesPerSecond');
  const verdicts = [atLeast('8b', 'messages/s in arrays of 100', rate, 200_000)];
  return { scenario: 'append-batch', settings, series, missing: [], verdicts };
}

function measureBatches(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { connections, messagesPerAppend, warmUpMs, measureMs } = settings;
    const body = arrayOf(oneMessage, messagesPerAppend);
    await bench.publish({ connections, body, durationMs: warmUpMs });
    const meter = bench.meter();
    const { published, startUs, endUs, ackMs } = await bench.publish({ connections, body, durationMs: measureMs });
    const { serverShare, serverCpuSeconds, loadShare, strangerShare } = meter.read();
    const messages = published * messagesPerAppend;
    return {
      messagesPerSecond: (messages / (endUs - startUs)) * 1_000_000,
      cpuUsPerMessage: (serverCpuSeconds / messages) * 1_000_000,
      ackP99Ms: ackMs.p99,
      serverShare,
      loadShare,
      strangerShare,
    };
  });
}
