const slotMs = 250;
/** Slots per second, plus the one being counted. */
const slots = 5;

/** Counts events per second, over the last full second. */
export class Rate {
  #counts = new Uint32Array(slots);
  #slot = 0;

  add(nowMs) {
    this.#advance(nowMs);
    this.#counts[this.#slot % slots]++;
  }

  perSecond(nowMs) {
    this.#advance(nowMs);
    return this.#counts.reduce((sum, count) => sum + count, 0) - this.#counts[this.#slot % slots];
  }

  #advance(nowMs) {
    const slot = Math.floor(nowMs / slotMs);
    if (slot - this.#slot >= slots) this.#counts.fill(0);
    else for (let next = this.#slot + 1; next <= slot; next++) this.#counts[next % slots] = 0;
    this.#slot = slot;
  }
}
