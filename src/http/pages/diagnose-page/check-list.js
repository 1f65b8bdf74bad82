import { byId, element } from '../common/element.js';

/** The checks in their order, as they wait, run and end. */
export class CheckList {
  #rows = new Map();
  /** Verdicts so far, by name. */
  verdicts = {};

  constructor(titles) {
    for (const [name, title] of Object.entries(titles)) {
      const row = {
        value: element('span', { className: 'value' }),
        body: element('div', { className: 'body' }),
      };
      const head = element('div', { className: 'check-head' }, element('h2', {}, title), row.value);
      row.item = element('li', { className: 'panel check', id: `check-${name}` }, head, row.body);
      this.#rows.set(name, row);
      this.#set(name, 'waiting', '');
    }
    byId('checks').replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
  }

  /** Shows that a check runs, with what there is to see meanwhile. */
  run(name, sentence, ...shown) {
    this.#set(name, 'running', 'measuring');
    this.#rows.get(name).body.replaceChildren(element('p', {}, sentence), ...shown);
  }

  /** Shows how a check ended; what it has shown stays below the sentence. */
  end(name, verdict, proxy) {
    const { state, value, sentence, settings } = verdict;
    this.verdicts[name] = verdict;
    this.#set(name, state, value);
    const { body } = this.#rows.get(name);
    body.querySelector('p')?.remove();
    body.prepend(element('p', {}, sentence));
    if (settings.length > 0) body.append(settingList(settings, proxy));
  }

  /** Shows that what waits or runs will not end. */
  stop() {
    for (const [name, { item }] of this.#rows) {
      if (['waiting', 'running'].includes(item.dataset.state)) this.#set(name, 'stopped', 'not measured');
    }
  }

  #set(name, state, value) {
    const { item, value: shown } = this.#rows.get(name);
    item.dataset.state = state;
    shown.textContent = value;
  }
}

/** What to change, what the visitor's own proxy calls it first. */
function settingList(settings, proxy = '') {
  const isTheirs = ({ who }) => proxy.toLowerCase().includes(who.split(' ')[0].toLowerCase());
  const wanted = settings.filter(({ onlyByHttp }) => !onlyByHttp || location.protocol === 'http:');
  const ordered = wanted.toSorted((one, other) => Number(isTheirs(other)) - Number(isTheirs(one)));
  const groups = [...Map.groupBy(ordered, ({ who }) => who).values()];
  const entries = groups.flatMap((group) => {
    const note = group[0].untested ? [element('span', { className: 'quiet' }, ' (not tested by us)')] : [];
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
