import type { MessageTable } from './message-table.ts';
import { firstNotBefore, RowList, type Rows } from './row-list.ts';

/**
 * All rows of a log in order of global position. Takes no memory while row numbers are consecutive, that is until a row
 * other than the oldest is removed or one is inserted before others. A paused walk stays valid when the list is built.
 */
export class RowOrder implements Rows {
  readonly #table: MessageTable;
  /** Undefined while row numbers are consecutive. */
  #list: RowList | undefined = undefined;
  /** The first row, while row numbers are consecutive. */
  #first = 0;

  constructor(table: MessageTable) {
    this.#table = table;
  }

  get length(): number {
    return this.#table.length;
  }

  at(index: number): number | undefined {
    if (this.#list !== undefined) return this.#list.at(index);
    return index >= 0 && index < this.length ? this.#first + index : undefined;
  }

  /** Whether the list was built, so that rows can be renumbered. */
  get isList(): boolean {
    return this.#list !== undefined;
  }

  /** Returns the list, built on the first call. */
  asList(): RowList {
    this.#list ??= RowList.counting(this.#first, this.length);
    return this.#list;
  }

  /** Call for each row added to the table, before {@link push} or {@link insert}. */
  note(row: number): void {
    if (this.#list !== undefined) return;
    const others = this.length - 1;
    if (others === 0) this.#first = row;
    // Row numbers wrap around to 0.
    else if (row !== this.#first + others) this.#list = RowList.counting(this.#first, others);
  }

  push(row: number): void {
    this.#list?.push(row);
  }

  /** Inserts sorted rows. Call {@link asList} first if they do not belong at the end. */
  insert(rows: readonly number[]): void {
    this.#list?.insert(rows, this.#table);
  }

  /** Removes sorted rows, which must still be in the table. */
  remove(rows: readonly number[]): void {
    const isPrefix = rows[0] === this.#first && rows.at(-1) === this.#first + rows.length - 1;
    if (this.#list === undefined && isPrefix) {
      this.#first += rows.length;
      return;
    }
    const list = this.asList();
    list.remove(rows.map((row, at) => indexIn(list, this.#table, row, at)));
  }
}

/** Index of a row in a list. `guess` is usually right, since the oldest rows are removed. */
export function indexIn(list: RowList, table: MessageTable, row: number, guess: number): number {
  return list.at(guess) === row ? guess : firstNotBefore(list, table, table.globalPosition(row));
}
