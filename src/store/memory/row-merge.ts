import { firstNotBefore, type GlobalPositions, type Rows } from './row-list.ts';

/** Iterates over row numbers in order of global position. */
export interface RowWalk {
  /** The next row, or -1 at the end. */
  next(): number;
}

/** Iterates over one row list. */
export class ListWalk implements RowWalk {
  readonly #rows: Rows;
  readonly #end: number;
  #at: number;

  /** Starts at the first row not before a global position. */
  constructor(rows: Rows, table: GlobalPositions, globalPosition: number) {
    this.#rows = rows;
    this.#end = rows.length;
    this.#at = firstNotBefore(rows, table, globalPosition);
  }

  next(): number {
    return this.#at < this.#end ? this.#rows.at(this.#at++)! : -1;
  }
}

/** Merges several row lists. Yields each row once, even if several lists contain it. */
export class RowMerge implements RowWalk {
  readonly #lists: readonly Rows[];
  readonly #table: GlobalPositions;
  readonly #at: number[];
  /** Global position of each list's current row; infinite at its end. */
  readonly #positions: number[];

  /** Starts each list at its first row not before a global position. */
  constructor(lists: readonly Rows[], table: GlobalPositions, globalPosition: number) {
    this.#lists = lists;
    this.#table = table;
    this.#at = lists.map((rows) => firstNotBefore(rows, table, globalPosition));
    this.#positions = lists.map((_rows, list) => this.#positionIn(list));
  }

  next(): number {
    const positions = this.#positions;
    let least = Number.POSITIVE_INFINITY;
    for (let list = 0; list < positions.length; list++) if (positions[list]! < least) least = positions[list]!;
    if (least === Number.POSITIVE_INFINITY) return -1;
    let row = -1;
    for (let list = 0; list < positions.length; list++) {
      if (positions[list] !== least) continue;
      row = this.#lists[list]!.at(this.#at[list]!)!;
      this.#at[list]!++;
      positions[list] = this.#positionIn(list);
    }
    return row;
  }

  #positionIn(list: number): number {
    const row = this.#lists[list]!.at(this.#at[list]!);
    return row === undefined ? Number.POSITIVE_INFINITY : this.#table.globalPosition(row);
  }
}
