import { element } from '../common/element.js';
import { rove } from '../common/rove.js';

/** Maximum number of entries shown in a list; to see others, narrow the search. */
const maxEntries = 1_000;

/**
 * A list that is read page by page. `read(cursor, signal)` resolves to `{entries, cursor}`; `item(entry)` creates an
 * entry's link or button. A new search discards the answer to the previous one.
 */
export class EntryList {
  #list;
  #more;
  #options;
  #settle;
  #cursor;
  #asking = new AbortController();

  constructor(list, more, options) {
    this.#list = list;
    this.#more = more;
    this.#options = options;
    this.#settle = rove(list, 'a, button');
    more.addEventListener('click', () => this.#load(this.#cursor));
  }

  /** Reads the first page again. */
  restart() {
    return this.#load(undefined);
  }

  async #load(cursor) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#list.ariaBusy = 'true';
    try {
      const page = await this.#options.read(cursor, signal);
      if (signal.aborted) return;
      this.#options.failed(undefined);
      this.#show(page, cursor === undefined);
    } catch (error) {
      if (!signal.aborted) this.#options.failed(error);
    } finally {
      if (!signal.aborted) this.#list.ariaBusy = 'false';
    }
  }

  #show({ entries, cursor }, isFirst) {
    const items = entries.map((entry) => element('li', {}, this.#options.item(entry)));
    if (isFirst) this.#list.replaceChildren(...items);
    else this.#list.append(...items);
    this.#cursor = cursor;
    this.#more.hidden = cursor === null || this.#list.childElementCount >= maxEntries;
    this.#options.shown(this.#list.childElementCount, cursor !== null);
    this.#settle();
  }
}
