import type { Selection } from '../../message/selection.ts';
import type { MemoryLog } from './memory-log.ts';
import type { Rows } from './row-list.ts';
import { ListWalk, RowMerge, type RowWalk } from './row-merge.ts';

/** Walks the selected rows after global position `after`. Ignores the group. */
export function walkSelected(log: MemoryLog, selection: Selection, after: number): RowWalk {
  if (selection.all) return new ListWalk(log.everyRow, log.table, after + 1);
  const from = selection.fromPosition === 0 ? 0 : startOf(log, selection);
  return new RowMerge(rowsOf(log, selection), log.table, Math.max(after + 1, from));
}

/** Rows of each selected stream and category. Ignores the group. */
export function rowsOf(log: MemoryLog, { streams, categories }: Selection): Rows[] {
  const ofStreams = streams.map((name) => log.streamRows(name));
  return [...ofStreams, ...categories.map((category) => log.categoryRows(category))];
}

/** Global position of the first message at or after a stream position. Only for a single stream, whose rows are in position order. */
function startOf(log: MemoryLog, { streams: [name = ''], fromPosition }: Selection): number {
  const stream = log.stream(name);
  const row = stream?.rows.at(log.indexOf(stream, fromPosition));
  return row === undefined ? Number.POSITIVE_INFINITY : log.table.globalPosition(row);
}
