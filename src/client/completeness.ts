/** Notification that a message exists; never contains the payload. */
export type Poke = {
  readonly stream: string;
  /** Position in its stream. */
  readonly position: number;
  /** Position in the log. */
  readonly globalPosition: number;
  /** With `conflate`, after lagging: this poke replaces `count` messages of its stream, starting at this position. */
  readonly from?: number;
  readonly count?: number;
};

/** Maximum number of pokes remembered since the last proof. If one is lost among more, some are delivered twice. */
const maxRemembered = 10_000;

/**
 * Records which pokes were delivered, and whether a heartbeat proves that none is missing. Positions cannot prove that,
 * because they have gaps; the heartbeat contains the number of pokes that the server sent on the connection.
 */
export class Completeness {
  /** Global position of this connection's last poke, or of its start; undefined: unknown. */
  #last: number | undefined = undefined;
  /** Number of pokes on this connection. */
  #count = 0;
  /** Global positions delivered since the last proof, on this connection or earlier ones. */
  readonly #delivered = new Set<number>();
  /**
   * Whether a poke is missing, or no heartbeat has confirmed the latest pokes yet. A connection that delivers only known
   * pokes confirms them, too.
   */
  isOpen = false;

  /** Starts a connection after this global position; undefined: at a stream position. */
  begin(behind: number | undefined): void {
    this.#last = behind;
    this.#count = 0;
    this.isOpen = false;
  }

  /** Forgets the delivered pokes, because the log was replaced or is replayed. */
  forget(): void {
    this.#delivered.clear();
  }

  /** Records a poke. Returns whether to deliver it; undefined: a duplicate on this connection. */
  poke({ globalPosition, count }: Poke): boolean | undefined {
    if (globalPosition <= (this.#last ?? 0)) return undefined;
    this.#last = globalPosition;
    this.#count++;
    // A conflated poke may also represent messages not yet delivered.
    if (this.#delivered.has(globalPosition) && !count) return false;
    this.isOpen = this.#delivered.size < maxRemembered;
    if (this.isOpen) this.#delivered.add(globalPosition);
    return true;
  }

  /** Checks a heartbeat. Returns whether every poke up to its head was delivered. */
  isComplete(head: number, count: number): boolean {
    this.#last ??= head;
    this.isOpen = head > this.#last || count !== this.#count;
    if (!this.isOpen) this.#delivered.clear();
    return !this.isOpen;
  }
}
