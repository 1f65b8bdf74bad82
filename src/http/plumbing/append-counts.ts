/** What the limiter is told: how many there were in this window, and how many milliseconds are left of it. */
type Told = (error: null, result: { readonly current: number; readonly ttl: number }) => void;

/**
 * Counts for `@fastify/rate-limit` by the monotonic clock. Its own store counts by the time of day: when that is set back by
 * an hour, whoever had reached the limit is refused for an hour. All keys share their windows, so that no more of them are
 * kept than came within one.
 */
export class AppendCounts {
  readonly #counts = new Map<string, number>();
  #windowStartMs = 0;

  incr(key: string, told: Told, windowMs: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#counts.clear();
      this.#windowStartMs = nowMs;
    }
    const current = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, current);
    told(null, { current, ttl: this.#windowStartMs + windowMs - nowMs });
  }

  /** The counts of one limiter. */
  child(): AppendCounts {
    return new AppendCounts();
  }
}
