/** Age at which the base readings are replaced, milliseconds. Each replacement can gain a millisecond, the resolution of the wall clock. */
const baseMs = 1_000;

/**
 * A monotonic clock. It follows whichever of the monotonic and the wall clock advanced further: the former stops while
 * the machine sleeps, and the latter can be set back. A lease that ends early does no harm.
 */
export class LeaseClock {
  #nowMs = 0;
  #base = { nowMs: 0, monotonicMs: performance.now(), wallMs: Date.now() };

  now(): number {
    const [monotonicMs, wallMs] = [performance.now(), Date.now()];
    const wentMs = Math.max(monotonicMs - this.#base.monotonicMs, wallMs - this.#base.wallMs);
    this.#nowMs = Math.max(this.#nowMs, this.#base.nowMs + wentMs);
    if (wentMs > baseMs) this.#base = { nowMs: this.#nowMs, monotonicMs, wallMs };
    return this.#nowMs;
  }
}
