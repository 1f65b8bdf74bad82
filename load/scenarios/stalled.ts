import { arrayOf, Bench } from '../lib/bench.ts';
import { residentKib, socketMib } from '../lib/machine.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { oneMessage, type Target } from '../lib/target.ts';

const settings = { readers: 500, stalled: 500, publishers: 64, measureMs: 1_000, fillMessages: 4_000, fillsAtMost: 20 };

/**
 * 500 subscribers that read, first alone, then together with 500 whose sockets are full and who resume reading at the
 * end.
 */
export async function stalled(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 2, measureStalled);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'stalled',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('6c', 'KiB of the server per stalled subscriber', ours('kibPerStalled'), 64),
      atLeast('6d', 'deliveries/s to readers beside the stalled, times those alone', ours('shareOfSpeed'), 0.9),
    ],
  };
}

function measureStalled(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { readers, stalled, publishers, measureMs, fillMessages, fillsAtMost } = settings;
    await bench.subscribe(readers, 'category=account', 'readers');
    await bench.subscribers.readInBursts(5);
    let frames = 0;
    const speed = async (durationMs: number) => {
      const { published, startUs } = await bench.publish({ connections: publishers, durationMs });
      frames += published;
      const { completedAtUs } = await bench.awaitAll(frames, 20_000, 'readers');
      return ((published * readers) / (completedAtUs - startUs)) * 1_000_000;
    };
    await speed(500);
    const aloneBefore = await speed(measureMs);
    const lagging = () => bench.metric('pokewire_subscriptions{kind="category",state="lagging"}');
    const unstored = async () => residentKib(bench.server.pid) - (await bench.metric('pokewire_store_bytes')) / 1_024;

    const before = await unstored();
    const heardBefore = frames;
    await bench.subscribe(stalled, `category=account&position=${frames + 1}`, 'stalled');
    await bench.subscribers.stall('stalled', stalled);
    for (let fills = 0; fills < fillsAtMost && (await lagging()) < stalled; fills++) {
      await bench.publish({ connections: 1, count: 4, body: arrayOf(oneMessage, fillMessages / 4) });
      frames += fillMessages;
      await bench.awaitAll(frames, 30_000, 'readers');
    }
    const nowLagging = await lagging();
    if (nowLagging < stalled) throw new Error(`only ${nowLagging} of ${stalled} subscribers lag`);
    const kibPerStalled = ((await unstored()) - before) / stalled;
    const kernelMib = socketMib();
    await speed(300);
    const beside = await speed(measureMs);
    await bench.subscribers.resume('stalled');
    await bench.awaitAll(frames - heardBefore, 40_000, 'stalled');
    await bench.subscribers.leave('stalled');
    await bench.settledKib();
    const aloneAgain = await speed(measureMs);
    const alone = (aloneBefore + aloneAgain) / 2;
    return {
      kibPerStalled,
      aloneDeliveriesPerSecond: aloneBefore,
      aloneAgainDeliveriesPerSecond: aloneAgain,
      besideDeliveriesPerSecond: beside,
      kernelMib,
      shareOfSpeed: beside / alone,
    };
  });
}
