import { setTimeout as wait } from 'node:timers/promises';
import { ownTurn } from '../message/turns.ts';
import type { Store } from '../store/store.ts';

/** Interval between checks of rules. */
export const keepEveryMs = 1_000;

/** The part of a logger that the keeper uses. */
type Log = { warn(facts: object, text: string): void };

/** Options of a keeper. */
export type RetentionKeeperOptions = {
  readonly store: Store;
  readonly log: Log;
  /** Milliseconds between two checks. */
  readonly everyMs: number;
};

/**
 * Deletes messages that retention rules no longer keep, slice by slice, until there are none. Pauses between slices for
 * as long as the previous one took, so it uses at most half of the store's time.
 */
export class RetentionKeeper {
  /** Number of failed slices; their messages are deleted later. */
  failures = 0;
  readonly #options: RetentionKeeperOptions;
  readonly #stopped = new AbortController();
  readonly #done: Promise<void>;
  #isFailing = false;

  constructor(options: RetentionKeeperOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** Resolves when the current slice has ended. */
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
