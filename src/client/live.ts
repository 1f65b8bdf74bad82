import { BackOff, pause, type RetryBounds } from './back-off.ts';
import { call } from './callback.ts';
import type { Subscribed } from './share.ts';
import type { Reset, State } from './state.ts';
import type { Handlers } from './subscription.ts';

/** Options of a live value. */
export type LiveOptions = {
  readonly onState?: ((state: State) => void) | undefined;
  /** Called on a reset, which also fetches the value again. */
  readonly onReset?: ((reset: Reset) => void) | undefined;
  /** A fetch failed and will be retried. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Milliseconds between heartbeats. Default 4,000. */
  readonly heartbeatMs?: number | undefined;
};

/** How long the first fetch waits for the subscription to start, milliseconds. */
const patienceMs = 2_000;

/**
 * Keeps a value up to date. The subscription starts before the first fetch, so no change is missed in between. Pokes
 * that arrive during a fetch cause another one. While no connection can be established, each failed attempt is followed
 * by a fetch.
 */
export class Live<T> implements Disposable {
  readonly #fetch: (signal: AbortSignal) => Promise<T> | T;
  readonly #onValue: (value: T) => void;
  readonly #options: LiveOptions;
  readonly #backOff: BackOff;
  readonly #closing = new AbortController();
  readonly #subscription: Subscribed;
  readonly #timer = setTimeout(() => this.refresh(), patienceMs);
  #before: State['name'] = 'connecting';
  #hasBegun = false;
  #isStale = false;
  #isFetching = false;

  constructor(
    subscribe: (handlers: Handlers) => Subscribed,
    fetch: (signal: AbortSignal) => Promise<T> | T,
    onValue: (value: T) => void,
    options: LiveOptions,
    retry: RetryBounds | undefined,
  ) {
    this.#fetch = fetch;
    this.#onValue = onValue;
    this.#options = options;
    this.#backOff = new BackOff(retry);
    this.#subscription = subscribe({
      onPoke: () => this.refresh(),
      onState: (state) => this.#follow(state),
      onReset: (reset) => {
        this.refresh();
        call(options.onReset, reset);
      },
    });
  }

  /** State of the subscription. */
  get state(): State {
    return this.#subscription.state;
  }

  /** Fetches again, as after a poke. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#isStale = true;
    if (!this.#isFetching) void this.#run();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
    this.#subscription.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #follow(state: State): void {
    const { name } = state;
    const isFirst = (name === 'catching-up' || name === 'live') && !this.#hasBegun;
    if (isFirst || name === 'ended' || (name === 'away' && this.#before === 'connecting')) this.refresh();
    if (isFirst) this.#hasBegun = true;
    this.#before = name;
    call(this.#options.onState, state);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    this.#isFetching = true;
    while (this.#isStale && !signal.aborted) {
      this.#isStale = false;
      try {
        const value = await this.#fetch(signal);
        this.#backOff.succeeded();
        if (!signal.aborted) call(this.#onValue, value);
      } catch (error) {
        if (signal.aborted) return;
        this.#isStale = true;
        call(this.#options.onError, error);
        await pause(this.#backOff.next(), signal);
      }
    }
    this.#isFetching = false;
  }
}
