/** Most pokes sent for a partition without an acknowledgement. */
const maxUnacknowledged = 1_000;

/** Limits the pokes that a member gets of one partition. An acknowledgement gives all credit back. */
export class PokeCredit {
  readonly #limit: number;
  #unacknowledged = 0;
  #checkpoint = 0;

  constructor(limit = maxUnacknowledged) {
    this.#limit = limit;
  }

  get isUsedUp(): boolean {
    return this.#unacknowledged >= this.#limit;
  }

  /** Whether to send a poke now. `checkpoint`: as this node knows it; undefined: it does not. */
  take(globalPosition: number, checkpoint = this.#checkpoint): boolean {
    if (checkpoint !== this.#checkpoint) this.#unacknowledged = 0;
    this.#checkpoint = checkpoint;
    // The member has read it: no acknowledgement would give back what this poke costs.
    if (globalPosition <= checkpoint) return false;
    if (this.isUsedUp) return false;
    this.#unacknowledged++;
    return true;
  }
}
