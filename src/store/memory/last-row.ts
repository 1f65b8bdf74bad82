import { ownTurn } from '../../message/turns.ts';
import type { MemoryLog } from './memory-log.ts';
import type { Rows } from './row-list.ts';

/** Rows examined before yielding to the event loop. */
const rowsPerTurn = 8_192;

/** Range of global positions to search: after `after`, up to `upTo`. */
export type RowRange = { readonly after: number; readonly upTo: number };

/**
 * Searches rows backwards from the end of the range and resolves to the first result that is not undefined. Each row is
 * examined as soon as its index is known, since an import may move it.
 */
export async function fromLastRow<T>(
  log: MemoryLog,
  rows: Rows,
  { after, upTo }: RowRange,
  look: (row: number) => T | undefined,
): Promise<T | undefined> {
  const end = upTo >= log.head ? rows.length : log.indexAt(rows, upTo + 1);
  for (let index = end - 1, looked = 1; index >= 0; index--, looked++) {
    const row = rows.at(index)!;
    if (log.table.globalPosition(row) <= after) return undefined;
    const answer = look(row);
    if (answer !== undefined) return answer;
    if (looked % rowsPerTurn === 0) index = await pauseAt(index, rows, log);
  }
  return undefined;
}

/** Yields to the event loop, and resolves to the row's new index, which an import may have changed. */
async function pauseAt(index: number, rows: Rows, log: MemoryLog): Promise<number> {
  const globalPosition = log.table.globalPosition(rows.at(index)!);
  await ownTurn();
  return log.indexAt(rows, globalPosition);
}
