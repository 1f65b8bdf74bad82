import { curlLine } from '../common/curl-line.js';
import { byId, element } from '../common/element.js';
import { noAnswer, serverError } from '../common/server-error.js';
import { Continuity } from './continuity.js';
import { PokeList } from './poke-list.js';

const stateNames = {
  idle: 'not subscribed',
  connecting: 'connecting',
  open: 'open',
  reconnecting: 'reconnecting',
  refused: 'refused',
};

/** The form that chooses selectors, and the one subscription it opens. */
export function setUpSubscribe() {
  const selectors = new Selectors(() => showLine(selectors));
  const pokes = new PokeList();
  const continuity = new Continuity((text) => pokes.note(text));
  let source;

  const close = (state) => {
    source?.close();
    source = undefined;
    show(state);
  };

  byId('subscribe-form').addEventListener('submit', (event) => {
    event.preventDefault();
    selectors.addPending();
    close('connecting');
    pokes.clear();
    continuity.clear(beginningOf(selectors));
    open(`${subscribeUrl(selectors)}&hello=true&heartbeat=head`);
  });

  const open = (url) => {
    source = new EventSource(url);
    source.addEventListener('open', () => show('open'));
    source.addEventListener('poke', ({ data }) => {
      const poke = JSON.parse(data);
      continuity.poke(poke);
      pokes.add(poke);
    });
    for (const name of ['hello', 'reset', 'heartbeat', 'end'])
      source.addEventListener(name, (event) => continuity[name](event));
    source.addEventListener('error', async ({ target }) => {
      if (target.readyState === EventSource.CONNECTING) return show('reconnecting');
      close('refused');
      const reason = await whyRefused(url);
      if (source === undefined) showError(reason);
    });
  };

  byId('unsubscribe').addEventListener('click', () => close('idle'));
  for (const id of ['position', 'consumer', 'size']) byId(id).addEventListener('input', () => showLine(selectors));
  showLine(selectors);
}

/** What is subscribed to: chips that can be taken away, and the name that is still being written. */
class Selectors {
  #chosen = [];
  #changed;

  constructor(changed) {
    this.#changed = changed;
    byId('selector-add').addEventListener('click', () => this.addPending());
    byId('selector-name').addEventListener('input', changed);
    byId('selector-kind').addEventListener('change', () => {
      byId('selector-name').disabled = byId('selector-kind').value === 'all';
      changed();
    });
  }

  /** Those chosen, and the pending one. */
  get all() {
    const pending = this.#pending();
    const known = this.#chosen.some(({ kind, name }) => kind === pending?.kind && name === pending.name);
    return pending === undefined || known ? this.#chosen : [...this.#chosen, pending];
  }

  addPending() {
    this.#chosen = this.all;
    byId('selector-name').value = '';
    byId('selector-kind').value = this.#chosen.at(-1)?.kind === 'stream' ? 'stream' : 'category';
    byId('selector-name').disabled = false;
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
    this.#changed();
  }
}

/** Behind which global position the form's subscription begins, given the head. */
function beginningOf({ all }) {
  const position = Number(byId('position').value);
  if (all[0]?.kind === 'all') return (head) => Math.max(head, position - 1);
  const isSingleStream = all.length === 1 && all[0].kind === 'stream';
  return () => (isSingleStream ? 0 : Math.max(0, position - 1));
}

function subscribeUrl(selectors) {
  const query = new URLSearchParams(selectors.all.map(({ kind, name }) => [kind, name]));
  for (const id of ['position', 'consumer', 'size']) {
    const value = byId(id).value.trim();
    if (value !== '') query.append(id, value);
  }
  return `subscribe?${query}`;
}

function showLine(selectors) {
  const [first, ...others] = selectors.all;
  const ofStream = first?.kind === 'stream' && others.length === 0;
  byId('position-label').textContent = `From ${ofStream ? 'stream' : 'global'} position`;
  byId('position').placeholder = first?.kind === 'all' ? 'now' : 'start';
  byId('subscribe-line').replaceChildren(curlLine(`curl -N '${new URL(subscribeUrl(selectors), document.baseURI)}'`));
}

function show(state) {
  byId('state').dataset.state = state;
  byId('state').textContent = stateNames[state];
  byId('unsubscribe').disabled = state === 'idle' || state === 'refused';
  if (state !== 'reconnecting') byId('subscribe-error').hidden = true;
}

function showError(text) {
  byId('subscribe-error').textContent = text;
  byId('subscribe-error').hidden = false;
}

/** An EventSource does not tell with what answer it was refused, so the page asks again. */
async function whyRefused(url) {
  const asking = new AbortController();
  try {
    const response = await fetch(url, { signal: asking.signal });
    return response.ok ? 'The connection was refused. Subscribe again.' : await serverError(response);
  } catch {
    return noAnswer();
  } finally {
    asking.abort();
  }
}
