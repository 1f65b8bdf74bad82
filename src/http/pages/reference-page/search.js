import { byId } from '../common/element.js';
import { setUpShortcuts } from '../common/shortcuts.js';

/** Shows only operations that contain every word in the search field, and their number. */
export class Search {
  #entries;

  /** `entries`: for each operation, the text to search and the elements to show or hide. */
  constructor(entries) {
    this.#entries = entries.map(({ text, elements }) => ({ text: text.toLowerCase(), elements }));
    byId('search').addEventListener('input', () => this.#apply());
    byId('search').addEventListener('keydown', ({ key }) => key === 'Escape' && this.clear());
    setUpShortcuts([{ key: '/', text: 'search', target: byId('search'), act: () => byId('search').focus() }]);
    this.#apply();
  }

  /** Shows everything again. */
  clear() {
    byId('search').value = '';
    this.#apply();
  }

  #apply() {
    const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { text, elements } of this.#entries) {
      const fits = words.every((word) => text.includes(word));
      if (fits) found += 1;
      for (const element of elements) element.hidden = !fits;
    }
    const all = this.#entries.length;
    byId('found').textContent = words.length === 0 ? `${all} operations` : `${found} of ${all} operations`;
    byId('nothing-found').hidden = found > 0;
    document.body.classList.toggle('is-searching', words.length > 0);
  }
}
