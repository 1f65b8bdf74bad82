/** Callback of the limiter: the count of this window, and the milliseconds left in it. */
type Told = (error: null, result: { readonly current: number; readonly ttl: number }) => void;

/**
 * Counts for `@fastify/rate-limit` by the monotonic clock. Its own store uses the wall clock: if that is set back by an
 * hour, a client at the limit is refused for an hour. All keys share one window, which bounds their number to those of
 * one window.
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
