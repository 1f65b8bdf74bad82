import { type Selection, selects } from '../../message/selection.ts';
import { StreamName } from '../../message/stream-name.ts';
import { positionOfDelivered } from './delivery.ts';
import { HeaderCursor } from './header-cursor.ts';
import { readUpTo } from './header-pages.ts';
import type { LogStream } from './log-stream.ts';
import { filtersOf } from './poke-source.ts';
import { positionOf, type Stored } from './stored-message.ts';

/** Size of the first backward step; each further step is four times as large. */
const firstStep = 256;
/** Messages per pull. */
const perPull = 2_048;

/**
 * Global position of the last selected message above `after` and at most `upTo`; `after` if there is none. The server
 * knows the last message of each filter; earlier messages are searched backwards, range by range.
 */
export async function lastSelected(log: LogStream, selection: Selection, after: number, upTo: number): Promise<number> {
  const filters = filtersOf(log.names, selection);
  const { state } = await log.info();
  if (filters === undefined || upTo <= after) return after;
  const wanted = filters.length === 0 ? [log.names.everything] : filters;
  const lasts = await Promise.all(wanted.map((filter) => log.lastOf(filter)));
  const found = lasts.filter((message) => message !== undefined);
  // A filter's last message is the answer if it is selected and in the range; otherwise an earlier one may be.
  const settled = found.filter((message) => message.seq <= upTo && isSelected(log, selection, message));
  let best = Math.max(after, ...settled.map(({ seq }) => seq));
  const open = found.filter((message) => message.seq > best && !settled.includes(message));
  if (open.length === 0) return best;
  const openFilters = wanted.filter((_filter, index) => open.includes(lasts[index]!));
  const least = Math.max(best, state.first_seq - 1);
  let end = Math.min(upTo, Math.max(...open.map(({ seq }) => seq)));
  for (let step = firstStep; end > least; step *= 4) {
    const from = Math.max(least, end - step);
    best = Math.max(best, await lastBetween(log, openFilters, selection, from, end));
    if (best > from) return best;
    end = from;
  }
  return best;
}

/** The last selected message above `from` and at most `end`; 0: none. */
async function lastBetween(
  log: LogStream,
  filters: readonly string[],
  selection: Selection,
  from: number,
  end: number,
): Promise<number> {
  const cursor = await HeaderCursor.open(log, filters, from, (message, seq) => {
    const stream = new StreamName(log.names.streamOf(message.subject));
    return { seq, isSelected: selects(selection, stream, positionOfDelivered(message)) };
  });
  let last = 0;
  try {
    for (;;) {
      const entries = await readUpTo(cursor, perPull, 0);
      for (const { seq, isSelected } of entries) {
        if (seq > end) return last;
        if (isSelected) last = seq;
      }
      if (entries.length < perPull) return last;
    }
  } finally {
    cursor.close();
  }
}

function isSelected(log: LogStream, selection: Selection, { subject, headers }: Stored): boolean {
  return selects(selection, new StreamName(log.names.streamOf(subject)), positionOf(headers));
}
