/** Longest wait of a write for others, since those in flight may never be answered. */
const mostWaitMs = 5;

/**
 * Sends writes in bursts. Messages that arrive one by one cost nats-server, and the connection, several times as much
 * as messages in one chunk of the socket (`npm run load -- nats-append`). Writes are released when at least as many
 * wait as are in flight, once the event loop has read the other requests that its sockets have.
 */
export class WriteBursts {
  #underWay = 0;
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #isReleasing = false;

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
    if (this.#isReleasing || this.#waiting.length === 0 || this.#waiting.length < this.#underWay) return;
    this.#isReleasing = true;
    setImmediate(() => this.#release());
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isReleasing = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#underWay += waiting.length;
    for (const go of waiting) go();
  }
}
