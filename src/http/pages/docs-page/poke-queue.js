/** What is not drawn yet: a bounded number of the newest rows, as functions that make them, and how many there were in all. */
export class PokeQueue {
  #limit;
  #makers = [];
  #total = 0;

  constructor(limit) {
    this.#limit = limit;
  }

  /** Rows that came since the last {@link take}, also those that are no longer here. */
  get total() {
    return this.#total;
  }

  add(make) {
    this.#total++;
    this.#makers.push(make);
    // Seldom, because each time moves them all.
    if (this.#makers.length === 2 * this.#limit) this.#makers = this.#makers.slice(-this.#limit);
  }

  /** Changes the rows that wait. */
  map(change) {
    this.#makers = this.#makers.map((make) => () => change(make()));
  }

  /** Makes the newest rows, newest first, and is empty. */
  take() {
    const rows = this.#makers.slice(-this.#limit).map((make) => make());
    this.#makers = [];
    this.#total = 0;
    return rows.reverse();
  }
}
