/** Number of messages that a long read requests in advance: many by the first reads, few by further ones at the same time. */
export const readAhead = { large: 8_192, small: 2_048 } as const;

/** Maximum number of concurrent reads with the large number; the server drops a connection with 64 MiB of unsent messages. */
const maxLarge = 8;

/** Bounds what all long reads of a store together have requested and not delivered yet. */
export class ReadAheads {
  #large = 0;

  /** Returns the number for a new long read. */
  take(): number {
    if (this.#large === maxLarge) return readAhead.small;
    this.#large++;
    return readAhead.large;
  }

  /** The read with this number has ended. */
  release(count: number): void {
    if (count === readAhead.large) this.#large--;
  }
}
