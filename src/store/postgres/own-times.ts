/** Appends of this node that are timed at once; more are not. */
const maxTimes = 10_000;

/**
 * When this node knew of its own commits, by global position, until they are told. The database's `time` is no measure of
 * the delay of pokes: of what others write it is the start of their transaction, by a clock that is not this machine's.
 */
export class OwnTimes {
  readonly #times = new Map<number, number>();

  note(globalPositions: readonly number[], atMs: number): void {
    for (const globalPosition of globalPositions) {
      if (this.#times.size === maxTimes) return;
      this.#times.set(globalPosition, atMs);
    }
  }

  /** `performance.now()` at the commit; 0: not known. */
  of(globalPosition: number): number {
    return this.#times.get(globalPosition) ?? 0;
  }

  /** Forgets those up to a position, which are told, or never will be. */
  settle(upTo: number): void {
    // Lanes note in turn, so that the order is nearly that of positions; what is passed over goes with a later call.
    for (const globalPosition of this.#times.keys()) {
      if (globalPosition > upTo) return;
      this.#times.delete(globalPosition);
    }
  }
}
