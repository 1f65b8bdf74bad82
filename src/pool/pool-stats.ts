/** What a pool did since the start. Counting costs one integer addition; the scrape reads them. */
export class PoolStats {
  /** Handed out. */
  acquired = 0;
  /** Handed out from what was kept; `acquired - reused` is the misses. */
  reused = 0;
  /** Made new, pre-warming included. */
  created = 0;
  /** Given back and kept. */
  released = 0;
  /** Given back and not kept: the pool was full, or the thing too large. */
  dropped = 0;
  /** Times the pool grew or shrank. */
  resized = 0;

  /** Out there now. */
  get leased(): number {
    return this.acquired - this.released - this.dropped;
  }

  /** Share of acquires served from what was kept, 0 to 1; 1 before the first. */
  get hitRate(): number {
    return this.acquired === 0 ? 1 : this.reused / this.acquired;
  }
}
