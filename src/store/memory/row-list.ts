/** Row numbers in order of their global positions. */
export type Rows = {
  readonly length: number;
  at(index: number): number | undefined;
};

/** Tells where rows stand in the log; the message table does. */
export type GlobalPositions = { globalPosition(row: number): number };

/** Up to this number of rows, an array is used, which takes less memory. */
const fewRows = 16;

/**
 * The rows of a stream or category. Four bytes a row outside the JavaScript heap once there are many; an array takes
 * eight, and is copied within the heap as it grows.
 */
export class RowList implements Rows {
  #rows: number[] | Uint32Array = [];
  /** Where the first row lies: as the oldest go, those behind them stay where they are. */
  #start = 0;
  #length = 0;

  /** `length` consecutive rows, starting with `first`. */
  static counting(first: number, length: number): RowList {
    const list = new RowList();
    list.#rows = new Uint32Array(Math.max(length, fewRows + 1));
    for (let index = 0; index < length; index++) list.#rows[index] = first + index;
    list.#length = length;
    return list;
  }

  get length(): number {
    return this.#length;
  }

  at(index: number): number | undefined {
    return index < this.#length ? this.#rows[this.#start + index] : undefined;
  }

  get last(): number | undefined {
    return this.#length === 0 ? undefined : this.at(this.#length - 1);
  }

  push(row: number): void {
    if (this.#start + this.#length === this.#rows.length) this.#makeRoom(1);
    this.#rows[this.#start + this.#length++] = row;
  }

  /** Puts another row in the place of one. */
  set(index: number, row: number): void {
    this.#rows[this.#start + index] = row;
  }

  /**
   * Takes rows out, by their indexes in order. What stands before the last of them moves up to it, which is little, as it is
   * the oldest that go.
   */
  remove(indexes: readonly number[]): void {
    const rows = this.#rows;
    const start = this.#start;
    let to = start + (indexes.at(-1) ?? -1) + 1;
    for (let left = indexes.length; left > 0; left--) {
      const from = start + (left === 1 ? 0 : indexes[left - 2]! + 1);
      const end = start + indexes[left - 1]!;
      to -= end - from;
      if (end > from) rows.copyWithin(to, from, end);
    }
    this.#start += indexes.length;
    this.#length -= indexes.length;
    if (rows.length > fewRows && this.#length <= rows.length / 4) this.#resize(this.#length * 2);
  }

  /**
   * Puts rows that are in order among themselves in their places. What stands behind them moves as one block of memory each
   * time: some 0.1 ms for a million rows.
   */
  insert(added: readonly number[], table: GlobalPositions): void {
    this.#makeRoom(added.length);
    const rows = this.#rows;
    const { last } = this;
    if (last === undefined || table.globalPosition(last) < table.globalPosition(added[0]!)) {
      for (const row of added) rows[this.#start + this.#length++] = row;
      return;
    }
    let end = this.#length;
    for (let left = added.length; left > 0; left--) {
      const row = added[left - 1]!;
      const at = firstNotBefore(this, table, table.globalPosition(row), end);
      rows.copyWithin(this.#start + at + left, this.#start + at, this.#start + end);
      rows[this.#start + at + left - 1] = row;
      end = at;
    }
    this.#length += added.length;
  }

  #makeRoom(added: number): void {
    if (this.#start + this.#length + added <= this.#rows.length) return;
    const needed = this.#length + added;
    // In front of it there may be as much as it needs.
    if (this.#start >= needed) {
      this.#rows.copyWithin(0, this.#start, this.#start + this.#length);
      this.#start = 0;
    } else this.#resize(Math.max(Math.ceil(this.#length * 1.5) + 1, needed));
  }

  #resize(length: number): void {
    const rows = this.#rows;
    const start = this.#start;
    const end = start + this.#length;
    this.#start = 0;
    if (length <= fewRows) {
      const few = [...rows.slice(start, end)];
      while (few.length < length) few.push(0);
      this.#rows = few;
      return;
    }
    this.#rows = new Uint32Array(length);
    this.#rows.set(rows instanceof Uint32Array ? rows.subarray(start, end) : rows.slice(start, end));
  }
}

/** Index of the first row at or behind a global position; `end`, their number, when there is none. O(log n). */
export function firstNotBefore(rows: Rows, table: GlobalPositions, globalPosition: number, end = rows.length): number {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.globalPosition(rows.at(middle)!) < globalPosition) low = middle + 1;
    else high = middle;
  }
  return low;
}
