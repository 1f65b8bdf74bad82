import { noAnswer, refusalOf } from '../common/server-error.js';

/** Pause before the second attempt; it doubles with each one that fails. */
const firstPauseMs = 1_000;
const longestPauseMs = 15_000;

/** A server that answers nothing for so long is taken for one that is away. */
const longestAskingMs = 5_000;

const eventNames = ['hello', 'reset', 'poke', 'heartbeat', 'end'];

/**
 * An event stream that the page reconnects itself. An `EventSource` does not say when it tries again, cannot be told to try
 * now, and gives up for good at the 502 of a proxy whose server restarts.
 */
export class LiveSource {
  #url;
  #told;
  #source;
  #timer;
  #cursor = '';
  #attempts = 0;
  #isGreeted = false;
  #lostAt;

  /**
   * Connects at once. `told.event(name, data)` takes the events. `told.state({name, since, nextTryAt, refusal})` takes changes:
   * `open`; `reconnecting` with the time of the next attempt and, where the server gave one, the reason; `refused` with the
   * reason, which is the end.
   */
  constructor(url, told) {
    this.#url = url;
    this.#told = told;
    this.#connect();
  }

  /** Does not wait for the next attempt. */
  retryNow() {
    if (this.#timer !== undefined) this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#source?.close();
    this.#source = undefined;
  }

  #connect() {
    this.close();
    const resumed = this.#cursor === '' ? '' : `&lastEventId=${encodeURIComponent(this.#cursor)}`;
    const source = new EventSource(this.#url + resumed);
    this.#source = source;
    this.#isGreeted = false;
    for (const name of eventNames) source.addEventListener(name, (event) => this.#take(name, event));
    source.addEventListener('error', () => this.#lost(source));
  }

  #take(name, { data, lastEventId }) {
    // An event without an id says nothing of the place.
    this.#cursor = lastEventId || this.#cursor;
    this.#told.event(name, JSON.parse(data));
    if (name !== 'hello' || this.#source === undefined) return;
    this.#isGreeted = true;
    this.#attempts = 0;
    this.#lostAt = undefined;
    this.#told.state({ name: 'open', since: new Date() });
  }

  async #lost(source) {
    source.close();
    this.#lostAt ??= new Date();
    const refusal = this.#isGreeted ? undefined : await whyRefused(this.#url);
    // Closed or retried meanwhile.
    if (source !== this.#source) return;
    if (refusal?.isFinal) {
      this.close();
      this.#told.state({ name: 'refused', since: this.#lostAt, refusal });
      return;
    }
    const pauseMs = pauseAfter(this.#attempts++);
    this.#timer = setTimeout(() => this.#connect(), pauseMs);
    this.#told.state({ name: 'reconnecting', since: this.#lostAt, nextTryAt: Date.now() + pauseMs, refusal });
  }
}

/** Random in its upper half, so that pages that lost a server together do not come back together. */
function pauseAfter(attempts) {
  const longest = Math.min(firstPauseMs * 2 ** attempts, longestPauseMs);
  return longest * (0.5 + Math.random() / 2);
}

/**
 * An EventSource does not say what it was answered, and a browser may drop the last event of a stream that breaks off. So the
 * page asks again. What may pass is not final.
 */
async function whyRefused(url) {
  const asking = new AbortController();
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([asking.signal, AbortSignal.timeout(longestAskingMs)]),
    });
    if (response.ok) return { sentence: 'The connection was lost.', isFinal: false };
    const isFinal = response.status < 500 && response.status !== 429;
    return { ...(await refusalOf(response)), isFinal };
  } catch {
    return { sentence: noAnswer(), isFinal: false };
  } finally {
    asking.abort();
  }
}
