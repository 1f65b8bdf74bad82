/** Maximum number of commits timed at once; further ones are not timed. */
const maxTimes = 10_000;

/**
 * When this node's own commits were answered, by global position, until they are announced. The database's `time`
 * cannot measure the delay of pokes: for other writers it is the start of their transaction, on a different clock.
 */
export class OwnTimes {
  readonly #times = new Map<number, number>();

  note(globalPositions: readonly number[], atMs: number): void {
    for (const globalPosition of globalPositions) {
      if (this.#times.size === maxTimes) return;
      this.#times.set(globalPosition, atMs);
    }
  }

  /** `performance.now()` at the commit; 0: unknown. */
  of(globalPosition: number): number {
    return this.#times.get(globalPosition) ?? 0;
  }

  /** Drops entries up to a position, which were announced or never will be. */
  settle(upTo: number): void {
    // Lanes add entries concurrently, so the order is only nearly that of positions. A later call removes the entries
    // that this one skips.
    for (const globalPosition of this.#times.keys()) {
      if (globalPosition > upTo) return;
      this.#times.delete(globalPosition);
    }
  }
}
