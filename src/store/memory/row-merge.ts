import { firstNotBefore, type Rows } from './row-list.ts';

/** Yields row numbers in rising order. */
export interface RowWalk {
  /** The next row, or -1 at the end. */
  next(): number;
}

/** Walks every row of a table. */
export class EveryRow implements RowWalk {
  #row: number;
  readonly #end: number;

  constructor(fromRow: number, end: number) {
    this.#row = fromRow;
    this.#end = end;
  }

  next(): number {
    return this.#row < this.#end ? this.#row++ : -1;
  }
}

/** Walks several row lists at once, in rising order, each row once however many lists name it. */
export class RowMerge implements RowWalk {
  readonly #lists: readonly Rows[];
  readonly #at: number[];

  /** Begins with the first row of each list that is not before `fromRow`. */
  constructor(lists: readonly Rows[], fromRow: number) {
    this.#lists = lists;
    this.#at = lists.map((rows) => firstNotBefore(rows, fromRow));
  }

  next(): number {
    let least = -1;
    for (let list = 0; list < this.#lists.length; list++) {
      const row = this.#lists[list]!.at(this.#at[list]!);
      if (row !== undefined && (least === -1 || row < least)) least = row;
    }
    for (let list = 0; list < this.#lists.length; list++) {
      if (this.#lists[list]!.at(this.#at[list]!) === least) this.#at[list]!++;
    }
    return least;
  }
}
