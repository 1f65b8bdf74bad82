/** Row numbers in order of global position. */
export type Rows = {
  readonly length: number;
  at(index: number): number | undefined;
};

/** Global position of each row, as the message table provides it. */
export type GlobalPositions = { globalPosition(row: number): number };

/** Up to this many rows an array is used, which takes less memory. */
const fewRows = 16;

/**
 * The rows of a stream or category. Long lists use four bytes per row outside the JavaScript heap; an array would take
 * eight, and be copied within the heap as it grows.
 */
export class RowList implements Rows {
  #rows: number[] | Uint32Array = [];
  /** Index of the first row. Removing the oldest rows moves it instead of the rows after them. */
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

  /** Replaces the row at an index. */
  set(index: number, row: number): void {
    this.#rows[this.#start + index] = row;
  }

  /**
   * Removes rows by their sorted indexes. Rows before the last removed one move up, which are few because usually the
   * oldest are removed.
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

  /** Inserts sorted rows. The rows after each one move as a block of memory: some 0.1 ms for a million rows. */
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
    // There may be enough free space at the front.
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

/** Index of the first row at or after a global position; `end` (by default the number of rows) if there is none. O(log n). */
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
