import { noAnswer, refusalOf } from '../common/server-error.js';

/** Delay before the second attempt; doubles with each failure. */
const firstPauseMs = 1_000;
const longestPauseMs = 15_000;

/** A server that has not answered after this time counts as unreachable. */
const longestAskingMs = 5_000;

const eventNames = ['hello', 'reset', 'poke', 'heartbeat', 'end'];

/**
 * An event stream that the page reconnects. An `EventSource` does not report when it will retry, cannot retry on
 * demand, and gives up permanently when a proxy answers 502 because its server restarts.
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
   * Connects at once. `told.event(name, data)` gets the events. `told.state({name, since, nextTryAt, refusal})` gets
   * changes: `open`; `reconnecting` with the time of the next attempt and the server's reason, if any; `refused` with
   * the reason, which is final.
   */
  constructor(url, told) {
    this.#url = url;
    this.#told = told;
    this.#connect();
  }

  /** Retries now. */
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
    // An event without an id does not move the cursor.
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
    // Closed or retried in the meantime.
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

/** Randomized by up to half, so that pages that lost a server together do not reconnect together. */
function pauseAfter(attempts) {
  const longest = Math.min(firstPauseMs * 2 ** attempts, longestPauseMs);
  return longest * (0.5 + Math.random() / 2);
}

/**
 * An EventSource does not report the answer, and a browser may drop the last event of a stream that is cut off. So the
 * page sends the request again. Transient errors are not final.
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
