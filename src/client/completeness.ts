/** The hint that a message exists; never the payload. */
export type Poke = {
  readonly stream: string;
  /** Its place in its stream. */
  readonly position: number;
  /** Its place in the log. */
  readonly globalPosition: number;
  /** With `conflate`, after a lag: this poke stands for `count` messages of its stream, from this position on. */
  readonly from?: number;
  readonly count?: number;
};

/** Pokes remembered since the last proof, the first ones. A loss among more of them delivers some twice. */
const maxRemembered = 10_000;

/**
 * Which pokes were delivered, and whether a heartbeat proves that none is missing. Positions alone prove nothing, because they
 * have gaps; the heartbeat has the number of pokes that the server has sent on the connection.
 */
export class Completeness {
  /** Global position of the last poke of this connection, or where it began; undefined: unknown. */
  #last: number | undefined = undefined;
  /** Pokes of this connection. */
  #count = 0;
  /** Global positions delivered since the last proof, on this connection or earlier ones. */
  readonly #delivered = new Set<number>();
  /**
   * Whether a poke is missing, or this connection brought new ones, all remembered, and no proof that none is missing among them. One that
   * brings only known ones confirms them.
   */
  isOpen = false;

  /** A connection begins behind this global position; undefined: at a position of its stream. */
  begin(behind: number | undefined): void {
    this.#last = behind;
    this.#count = 0;
    this.isOpen = false;
  }

  /** Forgets what was delivered: the log is another one, or is replayed. */
  forget(): void {
    this.#delivered.clear();
  }

  /** Takes a poke. Returns whether to deliver it; undefined: this connection has had it already. */
  poke({ globalPosition, count }: Poke): boolean | undefined {
    if (globalPosition <= (this.#last ?? 0)) return undefined;
    this.#last = globalPosition;
    this.#count++;
    // A conflated poke may also stand for messages that were not delivered.
    if (this.#delivered.has(globalPosition) && !count) return false;
    this.isOpen = this.#delivered.size < maxRemembered;
    if (this.isOpen) this.#delivered.add(globalPosition);
    return true;
  }

  /** Takes a heartbeat. Returns whether every poke up to its head was delivered. */
  isComplete(head: number, count: number): boolean {
    this.#last ??= head;
    this.isOpen = head > this.#last || count !== this.#count;
    if (!this.isOpen) this.#delivered.clear();
    return !this.isOpen;
  }
}
