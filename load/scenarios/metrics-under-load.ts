import { Bench } from '../lib/bench.ts';
import type { Reading, ScenarioResult } from '../lib/results.ts';
import { type Context, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { percentiles } from '../lib/statistics.ts';
import type { Target } from '../lib/target.ts';

const settings = { subscribers: 1_000, publishers: 1, scrapesPerSecond: 10, warmUpMs: 400, measureMs: 1_500 };

/** Fan-out while `/metrics` is scraped ten times a second, compared with fan-out alone. */
export async function metricsUnderLoad(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 1, measureScrapes);
  return { scenario: 'metrics-under-load', settings, series, missing: [], verdicts: [] };
}

function measureScrapes(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { subscribers, publishers, scrapesPerSecond, warmUpMs, measureMs } = settings;
    await bench.subscribe(subscribers);
    await bench.subscribers.readInBursts(5);
    let frames = 0;
    const speed = async (durationMs: number) => {
      const { published, startUs, ackMs } = await bench.publish({ connections: publishers, durationMs });
      frames += published;
      const { completedAtUs } = await bench.awaitAll(frames);
      return { perSecond: ((published * subscribers) / (completedAtUs - startUs)) * 1_000_000, ackP99Ms: ackMs.p99 };
    };
    await speed(warmUpMs);
    const alone = await speed(measureMs);
    const scrapesMs: number[] = [];
    let bytes = 0;
    const scraping = setInterval(async () => {
      const start = performance.now();
      const response = await fetch(`http://127.0.0.1:${bench.server.port}/metrics`);
      bytes = (await response.text()).length;
      scrapesMs.push(performance.now() - start);
    }, 1_000 / scrapesPerSecond);
    const scraped = await speed(measureMs).finally(() => clearInterval(scraping));
    const scrapes = percentiles(scrapesMs);
    return {
      aloneDeliveriesPerSecond: alone.perSecond,
      scrapedDeliveriesPerSecond: scraped.perSecond,
      shareOfSpeed: scraped.perSecond / alone.perSecond,
      aloneAckP99Ms: alone.ackP99Ms,
      scrapedAckP99Ms: scraped.ackP99Ms,
      scrapeP50Ms: scrapes.p50,
      scrapeMaxMs: scrapes.max,
      scrapeBytes: bytes,
    };
  });
}
