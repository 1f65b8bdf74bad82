/** Rows not drawn yet: a bounded number of the newest, as functions that create them, and the total number. */
export class PokeQueue {
  #limit;
  #makers = [];
  #total = 0;

  constructor(limit) {
    this.#limit = limit;
  }

  /** Number of rows since the last {@link take}, including those dropped. */
  get total() {
    return this.#total;
  }

  add(make) {
    this.#total++;
    this.#makers.push(make);
    // Trims rarely, because trimming copies all of them.
    if (this.#makers.length === 2 * this.#limit) this.#makers = this.#makers.slice(-this.#limit);
  }

  /** Changes the waiting rows. */
  map(change) {
    this.#makers = this.#makers.map((make) => () => change(make()));
  }

  /** Creates the newest rows, newest first, and empties the queue. */
  take() {
    const rows = this.#makers.slice(-this.#limit).map((make) => make());
    this.#makers = [];
    this.#total = 0;
    return rows.reverse();
  }
}
