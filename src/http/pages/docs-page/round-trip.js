/** Pokes that are remembered until the answer to an append says which of them is its own. */
const maxEarly = 10_000;

/** Measures how long after it was sent a message of this page is poked. The poke may come before the answer to the append. */
export class RoundTrip {
  #sentMs = 0;
  /** When pokes came, by global position, while an append is under way. */
  #early;
  #own;
  #tell;

  /** An append goes out; the one before is of no interest any more. */
  sent() {
    this.#sentMs = performance.now();
    this.#early = new Map();
    this.#own = undefined;
  }

  /** It was answered. `tell(ms)` is called when its poke is here. */
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
