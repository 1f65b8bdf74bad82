/** Maximum number of appends timed at once; beyond that the oldest entry is dropped. */
const maxTimes = 10_000;

/**
 * When this node started its own appends, by message id, until they are delivered. A message is often delivered before
 * its append is acknowledged, when its position is still unknown.
 */
export class AppendTimes {
  readonly #times = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#times.size === 0;
  }

  note(id: string, atMs: number): void {
    if (this.#times.size === maxTimes) {
      const [oldest] = this.#times.keys();
      this.#times.delete(oldest!);
    }
    this.#times.set(id, atMs);
  }

  /** Removes and returns the start of the append by `performance.now()`; 0: unknown. */
  take(id: string): number {
    const atMs = this.#times.get(id);
    if (atMs === undefined) return 0;
    this.#times.delete(id);
    return atMs;
  }
}
