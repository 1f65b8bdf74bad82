/** Maximum number of concurrent reads, over all logs. */
const maxReads = 16;

/** Maximum number of reads started in one turn of the event loop, so that requests and sockets get their turn. A store in memory answers at once. */
const readsPerTurn = 16;

/** Shares a few concurrent reads of the store fairly between logs, round robin. */
export class ReadSlots {
  #underWay = 0;
  #begunThisTurn = 0;
  /** Waiting reads by log. The first log is next. */
  readonly #waiting = new Map<object, (() => void)[]>();

  /** Number of reads that wait for a slot. */
  get waiting(): number {
    let count = 0;
    for (const reads of this.#waiting.values()) count += reads.length;
    return count;
  }

  /** Runs the read when its log gets a slot. */
  async run<T>(log: object, read: () => Promise<T>): Promise<T> {
    if (this.#waiting.size > 0 || !this.#isOneFree) {
      await new Promise<void>((resolve) => this.#waiting.getOrInsertComputed(log, () => []).push(resolve));
    } else this.#begin();
    try {
      return await read();
    } finally {
      this.#underWay--;
      this.#serve();
    }
  }

  get #isOneFree(): boolean {
    return this.#underWay < maxReads && this.#begunThisTurn < readsPerTurn;
  }

  #begin(): void {
    this.#underWay++;
    if (this.#begunThisTurn++ === 0) setImmediate(this.#nextTurn);
  }

  #serve(): void {
    while (this.#isOneFree) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const [log, reads] = next;
      const start = reads.shift()!;
      this.#waiting.delete(log);
      if (reads.length > 0) this.#waiting.set(log, reads);
      this.#begin();
      start();
    }
  }

  readonly #nextTurn = (): void => {
    this.#begunThisTurn = 0;
    this.#serve();
  };
}
