import { setTimeout as wait } from 'node:timers/promises';
import { ownTurn } from '../message/turns.ts';
import type { Store } from '../store/store.ts';

/** Rules are looked at so often, milliseconds. */
export const keepEveryMs = 1_000;

/** What the keeper writes to. */
type Log = { warn(facts: object, text: string): void };

/** What a keeper is made from. */
export type RetentionKeeperOptions = {
  readonly store: Store;
  readonly log: Log;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
};

/**
 * Forgets what rules no longer keep, one slice at a time, until nothing is left to forget.
 * Between slices it rests as long as the last one took, so that it has half of the store's time at most.
 */
export class RetentionKeeper {
  /** Slices that failed; what they were to forget is forgotten later. */
  failures = 0;
  readonly #options: RetentionKeeperOptions;
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;
  #isFailing = false;

  constructor(options: RetentionKeeperOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Resolves when the slice under way has ended. */
  stop(): Promise<void> {
    this.#stopped.abort();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { everyMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#keep();
      await wait(everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #keep(): Promise<void> {
    const { store, log } = this.#options;
    const { signal } = this.#stopped;
    try {
      while (!signal.aborted) {
        const startMs = performance.now();
        const { isDone } = await store.forget(Date.now());
        if (isDone) break;
        const tookMs = performance.now() - startMs;
        await (tookMs < 1 ? ownTurn() : wait(tookMs, undefined, { signal, ref: false }).catch(() => {}));
      }
      this.#isFailing = false;
    } catch (error) {
      this.failures++;
      if (!this.#isFailing) log.warn({ err: error }, 'messages beyond retention could not be deleted; retrying');
      this.#isFailing = true;
    }
  }
}
