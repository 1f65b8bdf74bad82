/** The hint that a message exists; never the payload. */
export type Poke = {
  readonly stream: string;
  /** Its place in its stream. */
  readonly position: number;
  /** Its place in the log. */
  readonly globalPosition: number;
  /** With `conflate`, of what was missed: this poke stands for `count` messages of its stream, from this position on. */
  readonly from?: number;
  readonly count?: number;
};

/** Streams whose last position is remembered, so that a gap in one of them is seen. */
const maxStreams = 1_000;
/** Gaps that turned out to be the log's own before they are taken for normal. */
const maxUnfounded = 3;

/**
 * What was delivered, and what is proved by it. Positions alone prove nothing: only the head heartbeat says up to where
 * the server has delivered everything.
 */
export class Completeness {
  /** Global position of the last poke delivered on this connection, or where it began; undefined: where is not known. */
  #told: number | undefined = undefined;
  readonly #lastOf = new Map<string, number>();
  /** The poke before which one seemed to be missing. */
  #suspect = '';
  #unfounded = 0;

  /** A connection begins behind this global position; undefined: at a position of its stream. */
  begin(behind: number | undefined): void {
    this.#told = behind;
  }

  /** Another log, or another begin in it. */
  forget(): void {
    this.#lastOf.clear();
  }

  /**
   * - `next`: to be delivered.
   * - `known`: was delivered already.
   * - `gap`: before it one of its stream is missing, as far as this side can see. When it comes again with the same gap, it is `next`.
   */
  poke({ stream, position, globalPosition, from = position }: Poke): 'next' | 'known' | 'gap' {
    // A poke that lacks a field counts as lost: it must not move the cursor.
    if (!(stream && position + globalPosition)) return 'gap';
    if (globalPosition <= (this.#told ?? 0)) return 'known';
    const last = this.#lastOf.get(stream);
    if (last !== undefined && from > last + 1 && this.#unfounded < maxUnfounded) {
      const name = `${globalPosition} ${stream}`;
      if (name !== this.#suspect) {
        this.#suspect = name;
        return 'gap';
      }
      this.#unfounded++;
    }
    this.#told = globalPosition;
    this.#lastOf.delete(stream);
    this.#lastOf.set(stream, position);
    if (this.#lastOf.size > maxStreams) this.#lastOf.delete(this.#lastOf.keys().next().value!);
    return 'next';
  }

  /** A heartbeat tells its head. Returns whether everything up to there was delivered. */
  isComplete(head: number): boolean {
    this.#told ??= head;
    return head <= this.#told;
  }
}
