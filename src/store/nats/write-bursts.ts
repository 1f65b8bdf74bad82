/** Nobody waits longer for others: what is under way may never be answered. */
const mostWaitMs = 5;

/**
 * Lets writes go together. A nats-server spends several times as much on messages that come one by one as on those of one
 * piece of its socket, and so does the connection (`npm run load -- nats-append`). A write goes at once
 * while no more are under way than wait.
 */
export class WriteBursts {
  #underWay = 0;
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;

  /** Runs a write in its turn. */
  async run<T>(write: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await write();
    } finally {
      this.#underWay--;
      this.#look();
    }
  }

  #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.#timer ??= setTimeout(() => this.#release(), mostWaitMs);
    this.#look();
    return promise;
  }

  #look(): void {
    if (this.#waiting.length > 0 && this.#waiting.length >= this.#underWay) this.#release();
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#underWay += waiting.length;
    for (const go of waiting) go();
  }
}
