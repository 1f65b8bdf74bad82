/** Totals of a pool since the start. Counting costs one integer addition; the scrape does the rest. */
export class PoolStats {
  /** Objects lent. */
  acquired = 0;
  /** Objects lent from the idle ones; `acquired - reused` are the misses. */
  reused = 0;
  /** Objects created, including those at the start. */
  created = 0;
  /** Objects returned and kept. */
  released = 0;
  /** Objects returned and dropped: the pool was full, or the object too large. */
  dropped = 0;
  /** How often the pool grew or shrank. */
  resized = 0;

  /** Objects on loan now. */
  get leased(): number {
    return this.acquired - this.released - this.dropped;
  }

  /** Share of acquires served by an idle object, 0 to 1; 1 before the first acquire. */
  get hitRate(): number {
    return this.acquired === 0 ? 1 : this.reused / this.acquired;
  }
}
