import { byId, element } from '../common/element.js';
import { countText } from '../common/format.js';
import { hashOf, placeOf } from '../common/place.js';
import { EntryList } from './entry-list.js';
import { describeStream, listCategories, listStreams } from './reads.js';

/** Finds streams by the start of their names, or by category. */
export class Finder {
  #category;
  #streams;

  constructor() {
    const failed = (error) => {
      byId('finder-problem').textContent = error?.message ?? '';
      byId('finder-problem').hidden = error === undefined;
    };
    this.#streams = new EntryList(byId('streams'), byId('more-streams'), {
      read: (cursor, signal) => this.#read(cursor, signal),
      item: streamLink,
      shown: (count, hasMore) => this.#tell(count, hasMore),
      failed,
    });
    const categories = new EntryList(byId('categories'), byId('more-categories'), {
      read: async (cursor, signal) => {
        const page = await listCategories(cursor, signal);
        return { entries: page.categories, cursor: page.cursor };
      },
      item: (entry) => this.#categoryButton(entry),
      shown: () => this.#mark(),
      failed,
    });
    const search = () => {
      this.#category = undefined;
      this.#mark();
      this.#streams.restart();
    };
    byId('prefix').addEventListener('input', search);
    byId('find').addEventListener('submit', (event) => {
      event.preventDefault();
      categories.restart();
      this.#streams.restart();
    });
    categories.restart();
    search();
  }

  /** Marks the stream that is shown. */
  markStream() {
    const shown = placeOf(location.hash)?.stream;
    for (const link of byId('streams').querySelectorAll('a')) {
      const isShown = placeOf(link.hash)?.stream === shown;
      if (isShown) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }

  async #read(cursor, signal) {
    if (this.#category === undefined) {
      const { streams, cursor: next } = await listStreams(byId('prefix').value, cursor, signal);
      return { entries: streams, cursor: next };
    }
    // A stream without a hyphen belongs to the category of the same name, and comes first.
    const alone = cursor === undefined ? await describeStream(this.#category, signal) : undefined;
    const { streams, cursor: next } = await listStreams(`${this.#category}-`, cursor, signal);
    return { entries: alone === undefined ? streams : [alone, ...streams], cursor: next };
  }

  #tell(count, hasMore) {
    const where =
      this.#category !== undefined
        ? `of category ${this.#category}`
        : byId('prefix').value === ''
          ? ''
          : `that begin with ${byId('prefix').value}`;
    byId('streams-title').textContent = ['Streams', where].filter(Boolean).join(' ');
    byId('no-streams').hidden = count > 0;
    byId('streams-found').textContent = `${count}${hasMore ? ' or more' : ''} found`;
    this.markStream();
  }

  #categoryButton({ category, streamCount, messageCount }) {
    const counts = `${countText(streamCount, 'stream')}, ${countText(messageCount, 'message')}`;
    const name = category === '' ? '(no name)' : category;
    const button = element(
      'button',
      { type: 'button' },
      element('code', {}, name),
      element('span', { className: 'quiet' }, counts),
    );
    button.dataset.category = category;
    button.addEventListener('click', () => {
      // A second click shows all streams again.
      this.#category = this.#category === category ? undefined : category;
      byId('prefix').value = '';
      this.#mark();
      this.#streams.restart();
    });
    return button;
  }

  #mark() {
    for (const button of byId('categories').querySelectorAll('button')) {
      button.ariaPressed = String(button.dataset.category === this.#category);
    }
  }
}

function streamLink({ stream, messageCount }) {
  const count = countText(messageCount, 'message');
  return element(
    'a',
    { href: hashOf(stream) },
    element('code', {}, stream),
    element('span', { className: 'quiet' }, count),
  );
}
