import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryLog } from './memory-log.ts';
import { firstNotBefore, type Rows } from './row-list.ts';

/** Rows looked at before others have their turn. */
const rowsPerTurn = 8_192;

/**
 * Looks at rows from the last one back to the global position `after`, exclusive, and resolves to the first answer that is
 * one; undefined: there was none. The row is asked for its answer at once, since an import may give it another number.
 */
export async function fromLastRow<T>(
  log: MemoryLog,
  rows: Rows,
  after: number,
  look: (row: number) => T | undefined,
): Promise<T | undefined> {
  for (let index = rows.length - 1, looked = 1; index >= 0; index--, looked++) {
    const row = rows.at(index)!;
    if (log.table.globalPosition(row) <= after) return undefined;
    const answer = look(row);
    if (answer !== undefined) return answer;
    if (looked % rowsPerTurn === 0) index = await pauseAt(index, rows, log);
  }
  return undefined;
}

/** Lets others have their turn; resolves to where the row at this index is then, which an import may have moved. */
async function pauseAt(index: number, rows: Rows, log: MemoryLog): Promise<number> {
  const globalPosition = log.table.globalPosition(rows.at(index)!);
  await nextTurn();
  return firstNotBefore(rows, log.rowAt(globalPosition));
}
