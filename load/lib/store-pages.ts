import { everything, type Selection } from '../../src/message/selection.ts';
import type { Log } from '../../src/store/log.ts';
import type { Reading } from './results.ts';
import { median } from './statistics.ts';
import { withStoreLog } from './store-log.ts';

const pageTurns = 600;

/** Selects the first category that databases are filled with. */
export const oneCategory: Selection = { ...everything, all: false, categories: ['account1'] };
export const oneMember: Selection = { ...oneCategory, group: { member: 1, size: 4 } };

/** Milliseconds for pages of 1,000 pokes from all over a database's log, including the thread but without a server. */
export function measurePokePages(path: string, messages: number): Promise<Reading> {
  return withStoreLog(`sqlite:${path}`, async (log) => ({
    categoryPokesPageMs: await medianPageMs(log, oneCategory, 1_000, messages),
    memberPokesPageMs: await medianPageMs(log, oneMember, 1_000, messages),
  }));
}

/** Median time of a page of pokes from all over the first half of a log, milliseconds. */
export function medianPageMs(log: Log, selection: Selection, pokes: number, messages: number): Promise<number> {
  return medianReadMs(messages, async (after) => {
    const page = await log.pokes(selection, after, pokes);
    if (page.pokes.length === 0) throw new Error(`no pokes behind ${after}`);
    page.release();
  });
}

/** Median time of the later half of `turns` reads after global positions from all over the first half of a log, milliseconds. */
export async function medianReadMs(
  messages: number,
  read: (after: number) => Promise<void>,
  turns = pageTurns,
): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const startMs = performance.now();
    await read((turn * 7_919_777) % Math.floor(messages / 2));
    times.push(performance.now() - startMs);
  }
  return median(times.slice(turns / 2));
}
