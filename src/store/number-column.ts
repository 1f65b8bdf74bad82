/**
 * One integer for each row of a chunk. Those near a base, as positions and times of neighbours are, take four bytes; the
 * first that is not makes all of them take eight.
 */
export class NumberColumn {
  #base: number;
  #values: Uint32Array | Float64Array;

  /** The base is the least number that takes four bytes. */
  constructor(rows: number, base: number) {
    this.#base = base;
    this.#values = new Uint32Array(rows);
  }

  get(at: number): number {
    return this.#base + this.#values[at]!;
  }

  set(at: number, value: number): void {
    const difference = value - this.#base;
    if ((difference < 0 || difference > 0xffffffff) && this.#values instanceof Uint32Array) this.#widen();
    this.#values[at] = value - this.#base;
  }

  copyTo(target: Float64Array, from: number): void {
    for (let at = 0; at < this.#values.length; at++) target[from + at] = this.get(at);
  }

  #widen(): void {
    const wide = new Float64Array(this.#values.length);
    this.copyTo(wide, 0);
    this.#values = wide;
    this.#base = 0;
  }
}
