/** First and longest wait between attempts. */
export type RetryDelays = { readonly firstMs: number; readonly longestMs: number };

/** Retry delays for failed reads. */
export const readRetryDelays: RetryDelays = { firstMs: 100, longestMs: 5_000 };

/** Exponential back-off: each wait is up to twice the last one, shortened at random by up to half so that nodes do not retry in step. */
export class BackOff {
  readonly #delays: RetryDelays;
  #failures = 0;
  #wait: { readonly done: Promise<void>; readonly end: () => void } | undefined = undefined;

  constructor(delays: RetryDelays) {
    this.#delays = delays;
  }

  /** Whether several attempts in a row have failed. */
  get isFailing(): boolean {
    return this.#failures > 1;
  }

  /**
   * Call after a successful attempt. After an outage this wakes every waiting caller. A single read that fails while
   * others succeed keeps waiting; otherwise every success would retry it.
   */
  succeeded(): void {
    const wasOutage = this.#failures > 1;
    this.#failures = 0;
    if (wasOutage) this.#wait?.end();
  }

  /** Resolves when the next attempt is due; all waiting callers share it. */
  wait(): Promise<void> {
    if (this.#wait !== undefined) return this.#wait.done;
    const { firstMs, longestMs } = this.#delays;
    const ms = Math.min(longestMs, firstMs * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => {
      cancel();
      this.#wait = undefined;
      resolve();
    };
    const cancel = ms === 0 ? inNextTurn(end) : after(ms, end);
    this.#wait = { done: promise, end };
    return promise;
  }

  /** Ends the wait early; its callers resume at once. */
  stop(): void {
    this.#wait?.end();
  }
}

function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms).unref();
  return () => clearTimeout(timer);
}

function inNextTurn(call: () => void): () => void {
  const immediate = setImmediate(call);
  return () => clearImmediate(immediate);
}
