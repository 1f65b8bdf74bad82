import type { MessageTable } from './message-table.ts';
import { firstNotBefore, RowList, type Rows } from './row-list.ts';

/**
 * Every row of a log in order of the global positions. While rows are numbered without a gap, as they are until some other than
 * the oldest goes or comes, their order takes no memory. It stays the same when a list comes to be needed: who pauses within it
 * goes on in that.
 */
export class RowOrder implements Rows {
  readonly #table: MessageTable;
  /** Undefined while rows are numbered without a gap. */
  #list: RowList | undefined = undefined;
  /** The first row, where they are numbered without a gap. */
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

  /** Whether there is a list, and rows may so be given other numbers. */
  get isList(): boolean {
    return this.#list !== undefined;
  }

  /** The list, which is made when it comes to be needed. */
  asList(): RowList {
    this.#list ??= RowList.counting(this.#first, this.length);
    return this.#list;
  }

  /** Takes note of a row that was added to the table, before it is put in its place. */
  note(row: number): void {
    if (this.#list !== undefined) return;
    const others = this.length - 1;
    if (others === 0) this.#first = row;
    // Numbers begin again at 0 some day.
    else if (row !== this.#first + others) this.#list = RowList.counting(this.#first, others);
  }

  /** Puts a row behind all others. */
  push(row: number): void {
    this.#list?.push(row);
  }

  /** Puts rows that are in order among themselves in their places. Those that stand before another need {@link asList} first. */
  insert(rows: readonly number[]): void {
    this.#list?.insert(rows, this.#table);
  }

  /** Takes rows out, given in order, while the table still has them. */
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

/** Index of a row in a list; mostly it is the guess, since the oldest go. */
export function indexIn(list: RowList, table: MessageTable, row: number, guess: number): number {
  return list.at(guess) === row ? guess : firstNotBefore(list, table, table.globalPosition(row));
}
