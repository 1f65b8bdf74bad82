/** How long to wait behind the first failure, and at most. */
export type RetryDelays = { readonly firstMs: number; readonly longestMs: number };

/** Of reads that failed. */
export const readRetryDelays: RetryDelays = { firstMs: 100, longestMs: 5_000 };

/** Waits after failures in a row: doubled each time, and up to half of it less at random, so that nodes spread out. */
export class BackOff {
  readonly #delays: RetryDelays;
  #failures = 0;
  #wait: { readonly done: Promise<void>; readonly end: () => void } | undefined = undefined;

  constructor(delays: RetryDelays) {
    this.#delays = delays;
  }

  /** Whether attempts fail again and again. */
  get isFailing(): boolean {
    return this.#failures > 1;
  }

  /**
   * An attempt succeeded. After an outage all waiting callers go on at once; a read that fails while others succeed still
   * waits, or it would be repeated as often as they are.
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

  /** Nobody waits any more. */
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
