/** Maximum number of pokes sent for a partition without an acknowledgement. */
const maxUnacknowledged = 1_000;

/** Limits the pokes that a member gets of one partition. An acknowledgement restores all credit. */
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

  /** Whether to send a poke now. `checkpoint`: the checkpoint as known to this node; undefined: unknown. */
  take(globalPosition: number, checkpoint = this.#checkpoint): boolean {
    if (checkpoint !== this.#checkpoint) this.#unacknowledged = 0;
    this.#checkpoint = checkpoint;
    // The member has read the message already, so no acknowledgement would restore the credit for this poke.
    if (globalPosition <= checkpoint) return false;
    if (this.isUsedUp) return false;
    this.#unacknowledged++;
    return true;
  }
}
