import type { Log } from '../../src/store/log.ts';
import { Nats } from '../lib/nats.ts';
import { atMost, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, repeatSteps } from '../lib/scenario.ts';
import { appendUsual, withStoreLog } from '../lib/store-log.ts';
import { medianPageMs, medianReadMs, oneCategory } from '../lib/store-pages.ts';

const settings = {
  messagesAtLeast: 100_000,
  pagePokes: 512,
  categories: 20,
  streams: [5_000, 1_000_000],
  inFlight: 256,
  plainReads: 200,
};

/**
 * Pages of pokes of one of 20 categories from all over a log with few and with many streams, read from the store
 * directly.
 */
export async function natsPages(context: Context): Promise<ScenarioResult> {
  const series: Series[] = [];
  for (const streams of settings.streams) {
    await using nats = await Nats.start(1);
    const messages = Math.max(settings.messagesAtLeast, streams);
    const pages = await withStoreLog(nats.fresh(), async (log) => {
      await fill(log, streams, messages);
      return repeatSteps(context, [{ name: 'nats' }], 3, [{ streams }], async () => [
        {
          categoryPageMs: await medianPageMs(log, oneCategory, settings.pagePokes, messages),
          plainPageMs: await nats.withPlainHeaders('account1', (read) =>
            medianReadMs(messages, (after) => read(after, settings.pagePokes), settings.plainReads),
          ),
        },
      ]);
    });
    series.push(...pages.flat());
  }
  const of = (streams: number) => series.find(({ setting }) => setting?.streams === streams)?.median.categoryPageMs;
  const verdict = (streams: number, bound: number) =>
    atMost('14e', `ms for a page of 512 pokes of a category, ${streams} streams`, of(streams) ?? Number.NaN, bound);
  return {
    scenario: 'nats-pages',
    settings,
    series,
    missing: [],
    verdicts: [verdict(5_000, 6), verdict(1_000_000, 50)],
  };
}

/** Messages of all streams round robin; each stream belongs to one of the categories. */
async function fill(log: Log, streams: number, messages: number): Promise<void> {
  let next = 0;
  const write = async () => {
    while (next < messages) {
      const number = next++ % streams;
      await appendUsual(log, `account${1 + (number % settings.categories)}-${number}`);
    }
  };
  await Promise.all(Array.from({ length: settings.inFlight }, write));
}
