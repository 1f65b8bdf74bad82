/**
 * One integer per row of a chunk. Values that count up from the base, such as global positions, take no memory; values
 * near the base, such as neighbouring positions and times, take four bytes; the first value beyond that switches the
 * column to eight bytes.
 */
export class NumberColumn {
  readonly #rows: number;
  #base: number;
  #values: Uint32Array | Float64Array | undefined = undefined;

  /** `base`: the smallest value that fits in four bytes. */
  constructor(rows: number, base: number) {
    this.#rows = rows;
    this.#base = base;
  }

  get(at: number): number {
    return this.#base + (this.#values === undefined ? at : this.#values[at]!);
  }

  set(at: number, value: number): void {
    const difference = value - this.#base;
    if (this.#values === undefined) {
      if (difference === at) return;
      this.#values = new Uint32Array(this.#rows);
      for (let row = 0; row < this.#rows; row++) this.#values[row] = row;
    }
    const isNear = difference >= 0 && difference <= 0xffffffff;
    if (!isNear && this.#values instanceof Uint32Array) this.#widen();
    this.#values[at] = value - this.#base;
  }

  copyTo(target: Float64Array, from: number): void {
    for (let at = 0; at < this.#rows; at++) target[from + at] = this.get(at);
  }

  #widen(): void {
    const wide = new Float64Array(this.#rows);
    this.copyTo(wide, 0);
    this.#values = wide;
    this.#base = 0;
  }
}
