/** Most appends that are timed at once; beyond that the oldest is dropped. */
const maxTimes = 10_000;

/**
 * When this node began its own appends, by message id, until they are delivered. A message is often delivered before its
 * append is acknowledged, when its position is not known yet.
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

  /** Removes and returns `performance.now()` of when the append began; 0: not known. */
  take(id: string): number {
    const atMs = this.#times.get(id);
    if (atMs === undefined) return 0;
    this.#times.delete(id);
    return atMs;
  }
}
