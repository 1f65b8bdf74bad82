/** Maximum number of pokes remembered until the answer to an append shows which one belongs to it. */
const maxEarly = 10_000;

/** Measures the time from sending a message to its poke. The poke may arrive before the answer to the append. */
export class RoundTrip {
  #sentMs = 0;
  /** Arrival times of pokes by global position, during an append. */
  #early;
  #own;
  #tell;

  /** An append was sent; the previous one is no longer measured. */
  sent() {
    this.#sentMs = performance.now();
    this.#early = new Map();
    this.#own = undefined;
  }

  /** The append was answered. `tell(ms)` is called when its poke has arrived. */
  stored(globalPosition, tell) {
    const pokedMs = this.#early?.get(globalPosition);
    this.#early = undefined;
    if (pokedMs !== undefined) return tell(pokedMs - this.#sentMs);
    this.#own = globalPosition;
    this.#tell = tell;
  }

  poked({ globalPosition }) {
    if (globalPosition === this.#own) {
      this.#own = undefined;
      this.#tell(performance.now() - this.#sentMs);
    } else if (this.#early?.size < maxEarly) {
      this.#early.set(globalPosition, performance.now());
    }
  }
}
