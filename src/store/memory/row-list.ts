/** Row numbers in rising order. */
export type Rows = {
  readonly length: number;
  at(index: number): number | undefined;
};

/** Up to so many rows lie in an array, which for a few of them is smaller. */
const fewRows = 16;

/**
 * The rows of a stream or category. Four bytes a row outside the JavaScript heap once there are many; an array takes
 * eight, and is copied within the heap as it grows.
 */
export class RowList implements Rows {
  #rows: number[] | Uint32Array = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): number | undefined {
    return index < this.#length ? this.#rows[index] : undefined;
  }

  get last(): number | undefined {
    return this.#rows[this.#length - 1];
  }

  push(row: number): void {
    if (this.#length === this.#rows.length) this.#rows = grown(this.#rows);
    this.#rows[this.#length++] = row;
  }

  /** Follows rows that got other numbers: row `from` + n is now `newRows[n]`. */
  renumber(from: number, newRows: Uint32Array): void {
    const rows = this.#rows;
    let isInOrder = true;
    for (let index = firstNotBefore(this, from); index < this.#length; index++) {
      rows[index] = newRows[rows[index]! - from]!;
      isInOrder &&= index === 0 || rows[index - 1]! < rows[index]!;
    }
    if (isInOrder) return;
    if (rows instanceof Uint32Array) rows.subarray(0, this.#length).sort();
    else this.#rows = rows.slice(0, this.#length).sort((a, b) => a - b);
  }
}

/** Index of the first row that is not before `row`; their number when there is none. O(log n). */
export function firstNotBefore(rows: Rows, row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows.at(middle)! < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

function grown(rows: number[] | Uint32Array): number[] | Uint32Array {
  const length = Math.ceil(rows.length * 1.5) + 1;
  const more = length > fewRows ? new Uint32Array(length) : new Array<number>(length).fill(0);
  for (let index = 0; index < rows.length; index++) more[index] = rows[index]!;
  return more;
}
