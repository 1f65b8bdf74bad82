import { noAnswer, serverError } from '../common/server-error.js';

/** Sentences about permanent ends of a stream; any other end is temporary. */
const ends = {
  revoked: 'The token was revoked or has expired.',
  'namespace-deleted': 'The namespace was deleted.',
};

/**
 * A subscription to one stream from a position on. Reports its state (`live`, `away`, `ended` with a sentence), the
 * position of each poke, and whether the log was replaced.
 */
export class Follow {
  #source;
  #url;
  #epoch;
  #handlers;
  #isClosed = false;

  constructor(stream, position, handlers) {
    this.#handlers = handlers;
    this.#url = `subscribe?${new URLSearchParams({ stream, position, hello: 'true' })}`;
    this.#source = new EventSource(this.#url);
    this.#source.addEventListener('open', () => handlers.onState('live'));
    this.#source.addEventListener('poke', ({ data }) => handlers.onPoke(JSON.parse(data).position));
    this.#source.addEventListener('hello', ({ data }) => {
      const { epoch } = JSON.parse(data);
      this.#epoch ??= epoch;
      if (epoch !== this.#epoch) handlers.onOtherLog();
    });
    this.#source.addEventListener('end', ({ data }) => {
      const { code } = JSON.parse(data);
      if (ends[code] !== undefined) this.#end(ends[code]);
    });
    this.#source.addEventListener('error', () => {
      if (this.#source.readyState === EventSource.CONNECTING) handlers.onState('away');
      else this.#explain();
    });
  }

  /** Stops reporting. */
  close() {
    this.#isClosed = true;
    this.#source.close();
  }

  #end(sentence) {
    if (this.#isClosed) return;
    this.close();
    this.#handlers.onState('ended', sentence);
  }

  /** An EventSource does not report why it was refused, so the page sends the request again. */
  async #explain() {
    const asking = new AbortController();
    try {
      const response = await fetch(this.#url, { signal: asking.signal });
      this.#end(response.ok ? 'The connection was refused. Follow again.' : await serverError(response));
    } catch {
      this.#end(noAnswer());
    } finally {
      asking.abort();
    }
  }
}
