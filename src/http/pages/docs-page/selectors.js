import { byId, element } from '../common/element.js';

/** Selectors to subscribe to: removable chips, and the name in the field. */
export class Selectors {
  #chosen = [];
  #changed;

  constructor(changed) {
    this.#changed = changed;
    byId('selector-add').addEventListener('click', () => this.#add());
    byId('selector-name').addEventListener('input', changed);
    byId('selector-kind').addEventListener('change', () => {
      byId('selector-name').disabled = byId('selector-kind').value === 'all';
      changed();
    });
  }

  /** All selectors as {kind, name}: the chips and the one in the field. */
  get all() {
    const pending = this.#pending();
    const known = this.#chosen.some(({ kind, name }) => kind === pending?.kind && name === pending.name);
    return pending === undefined || known ? this.#chosen : [...this.#chosen, pending];
  }

  #add() {
    this.#chosen = this.all;
    byId('selector-name').value = '';
    byId('selector-kind').value = this.#chosen.at(-1)?.kind === 'stream' ? 'stream' : 'category';
    byId('selector-name').disabled = false;
    byId('selector-name').focus();
    this.#show();
  }

  #pending() {
    const kind = byId('selector-kind').value;
    const name = byId('selector-name').value.trim();
    if (kind === 'all') return { kind, name: 'true' };
    return name === '' ? undefined : { kind, name };
  }

  #remove(selector) {
    this.#chosen = this.#chosen.filter((other) => other !== selector);
    byId('selector-name').focus();
    this.#show();
  }

  #show() {
    const chips = this.#chosen.map((selector) => {
      const text = selector.kind === 'all' ? 'everything' : selector.name;
      const remove = element('button', { type: 'button', ariaLabel: `Remove ${text}`, textContent: '×' });
      remove.addEventListener('click', () => this.#remove(selector));
      const kind = selector.kind === 'all' ? [] : [element('span', { className: 'quiet' }, selector.kind)];
      return element('li', {}, ...kind, element('b', {}, text), remove);
    });
    byId('selectors').replaceChildren(...chips);
    byId('no-selectors').hidden = chips.length > 0;
    this.#changed();
  }
}
