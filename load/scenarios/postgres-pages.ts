import { everything, type Selection } from '../../src/message/selection.ts';
import { MessageDb } from '../lib/message-db.ts';
import { atMost, type Reading, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, medianOf, repeatSteps } from '../lib/scenario.ts';
import { withStoreLog } from '../lib/store-log.ts';
import { medianPageMs, oneCategory, oneMember } from '../lib/store-pages.ts';

const settings = { messages: 1_000_000, pagePokes: 512, sharedBuffers: ['512MB', '128MB'] };

/** Two categories, and a stream of a third. */
const threeSelectors: Selection = {
  ...everything,
  all: false,
  categories: ['account2', 'account3'],
  streams: ['account4-3'],
};

/**
 * Pages of pokes from all over a Message DB of 1,000,000 messages in 20 categories of 1,250 streams each: with the
 * table in PostgreSQL's memory, and with the default 128 MB.
 */
export async function postgresPages(context: Context): Promise<ScenarioResult> {
  const { sharedBuffers } = settings;
  const measured: Series[] = [];
  for (const buffers of sharedBuffers) measured.push(...(await measureWith(context, buffers)));
  const bound = (what: string, name: string) =>
    atMost(
      '12f',
      `ms for a page of 512 pokes of ${what} at 1,000,000 rows, shared_buffers ${sharedBuffers[0]}`,
      medianOf(measured, 'postgres', name),
      4,
    );
  return {
    scenario: 'postgres-pages',
    settings,
    series: measured,
    missing: [],
    verdicts: [
      bound('a category', 'categoryPageMs'),
      bound('one of 4 members', 'memberPageMs'),
      bound('three selectors', 'threeSelectorsPageMs'),
    ],
  };
}

async function measureWith(context: Context, sharedBuffers: string): Promise<Series[]> {
  const { messages, pagePokes } = settings;
  await using db = await MessageDb.start([`shared_buffers=${sharedBuffers}`]);
  const database = await db.fresh();
  await db.fill(database, messages);
  const measure = (): Promise<Reading> =>
    withStoreLog(db.url(database), async (log) => ({
      categoryPageMs: await medianPageMs(log, oneCategory, pagePokes, messages),
      memberPageMs: await medianPageMs(log, oneMember, pagePokes, messages),
      threeSelectorsPageMs: await medianPageMs(log, threeSelectors, pagePokes, messages),
    }));
  const repeats = await repeatSteps(context, [{ name: 'postgres' }], 3, [{ sharedBuffers }], async () => [
    await measure(),
  ]);
  return repeats.flat();
}
