import { ownTurn } from '../../message/turns.ts';
import type { MemoryLog } from './memory-log.ts';
import type { Rows } from './row-list.ts';

/** Rows looked at before other work gets the event loop. */
const rowsPerTurn = 8_192;

/** Global positions that are looked at: behind `after`, up to `upTo`. */
export type RowRange = { readonly after: number; readonly upTo: number };

/**
 * Looks at rows from the last one of the range backwards and resolves to the first answer that is not undefined. Each row
 * is asked at once, since an import may give it another index.
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

/** Lets other work have the event loop; resolves to where the row at this index is then, which an import may have moved. */
async function pauseAt(index: number, rows: Rows, log: MemoryLog): Promise<number> {
  const globalPosition = log.table.globalPosition(rows.at(index)!);
  await ownTurn();
  return log.indexAt(rows, globalPosition);
}
