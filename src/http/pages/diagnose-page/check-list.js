import { byId, element } from '../common/element.js';

/** Text alternatives for the signs of checks. */
const words = { good: 'Good:', info: 'Note:', mind: 'Could be better:', bad: 'Failed:' };

/** The checks in order, with their states: waiting, running, done. */
export class CheckList {
  #rows = new Map();
  /** Verdicts so far, by name. */
  verdicts = {};

  /** `checks`: title and purpose by name. */
  constructor(checks) {
    for (const [name, { title, purpose }] of Object.entries(checks)) {
      const row = {
        word: element('span', { className: 'unseen' }),
        value: element('span', {}),
        body: element('div', { className: 'body' }, element('p', { className: 'quiet' }, purpose)),
      };
      const value = element('span', { className: 'value' }, row.word, ' ', row.value);
      const head = element('div', { className: 'check-head' }, element('h2', {}, title), value);
      row.item = element('li', { className: 'panel check', id: `check-${name}` }, head, row.body);
      this.#rows.set(name, row);
      this.#set(name, 'waiting', '');
    }
    byId('checks').replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
  }

  /** How many checks had which result, as text. */
  get summary() {
    const states = Object.values(this.verdicts).map(({ state }) => state);
    const count = (state, word) => {
      const times = states.filter((other) => other === state).length;
      return times === 0 ? [] : [`${times} ${word}`];
    };
    return [
      ...count('bad', 'failed'),
      ...count('mind', 'could be better'),
      ...count('info', 'note'),
      ...count('good', 'good'),
    ].join(' · ');
  }

  /** Shows that a check is running, with live details. */
  run(name, sentence, ...shown) {
    this.#set(name, 'running', 'measuring');
    this.#rows.get(name).body.replaceChildren(element('p', {}, sentence), ...shown);
  }

  /** Shows the result of a check; its details stay below the sentence. */
  end(name, verdict, proxy) {
    const { state, value, sentence, settings } = verdict;
    this.verdicts[name] = verdict;
    this.#set(name, state, value);
    const { body } = this.#rows.get(name);
    body.querySelector('p')?.remove();
    body.prepend(element('p', {}, sentence));
    if (settings.length > 0) body.append(settingList(settings, proxy));
  }

  /** Shows that waiting and running checks were stopped. */
  stop() {
    for (const [name, { item }] of this.#rows) {
      if (['waiting', 'running'].includes(item.dataset.state)) this.#set(name, 'stopped', 'not measured');
    }
  }

  #set(name, state, value) {
    const { item, word, value: shown } = this.#rows.get(name);
    item.dataset.state = state;
    word.textContent = words[state] ?? '';
    shown.textContent = value;
  }
}

/** The settings to change, those of the visitor's own proxy first. */
function settingList(settings, proxy = '') {
  const isTheirs = ({ who }) => proxy.toLowerCase().includes(who.split(' ')[0].toLowerCase());
  const wanted = settings.filter(({ onlyByHttp }) => !onlyByHttp || location.protocol === 'http:');
  const ordered = wanted.toSorted((one, other) => Number(isTheirs(other)) - Number(isTheirs(one)));
  const groups = [...Map.groupBy(ordered, ({ who }) => who).values()];
  const entries = groups.flatMap((group) => {
    const note = group[0].untested ? [element('span', { className: 'quiet' }, ' (untested)')] : [];
    return [element('dt', {}, group[0].who, ...note), ...group.map(settingOf)];
  });
  return element(
    'div',
    { className: 'settings' },
    element('h3', {}, 'Where to change it'),
    element('dl', {}, ...entries),
  );
}

function settingOf({ setting, why }) {
  return element('dd', {}, element('code', {}, setting), element('span', { className: 'why' }, why));
}
