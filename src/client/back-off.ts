/** Bounds of the delay before a retry, milliseconds. */
export type RetryBounds = {
  /** Default 500. */
  readonly minMs?: number;
  /** Default 30,000. A `Retry-After` may be longer. */
  readonly maxMs?: number;
};

/** Retry policy of all requests. Jitter keeps clients that lost a server at the same time from reconnecting at the same time. */
export class BackOff {
  #failures = 0;
  readonly #minMs: number;
  readonly #maxMs: number;

  constructor({ minMs = 500, maxMs = 30_000 }: RetryBounds = {}) {
    this.#minMs = minMs;
    this.#maxMs = Math.max(minMs, maxMs);
  }

  /** Delay before the next attempt in milliseconds; at least `askedMs`, the server's request. */
  next(askedMs = 0): number {
    const ownMs = Math.min(this.#maxMs, this.#minMs * 2 ** this.#failures++);
    return Math.max(ownMs * (0.5 + Math.random() / 2), askedMs * (1 + Math.random() / 4));
  }

  /** Resets the delay to its minimum. */
  succeeded(): void {
    this.#failures = 0;
  }
}

/** Resolves after this time, or once one of the signals aborts. */
export function pause(ms: number, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const signal = anyOf(...signals);
    const stop = () => {
      clearTimeout(timer);
      // A remaining listener would keep the combined signal alive as long as the longest-lived one.
      signal.removeEventListener('abort', stop);
      resolve();
    };
    // A longer delay would overflow, and the timer would fire at once.
    const timer = setTimeout(stop, Math.min(ms, 2 ** 31 - 1));
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}

/** Combines the signals that are defined. */
export function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}
