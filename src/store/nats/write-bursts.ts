/** Longest time that a write waits for others, since writes in flight may never be answered. */
const mostWaitMs = 5;

/**
 * Sends writes in bursts. Messages that arrive one by one cost nats-server, and the connection, several times as much
 * as messages in one chunk of the socket (`npm run load -- nats-append`). Waiting writes are sent when they are at
 * least as many as those in flight, and after the event loop has read the other requests that have already arrived.
 */
export class WriteBursts {
  #underWay = 0;
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #isReleasing = false;

  /** Runs a write as part of the next burst. */
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
