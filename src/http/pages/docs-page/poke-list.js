import { byId, element } from '../common/element.js';
import { showMessage } from './message.js';

/** Rows the list keeps; older ones go. */
const maxRows = 200;

/** Milliseconds in which a burst gathers: about a frame. */
const gatherMs = 16;

/**
 * The pokes as they arrive, newest first. A burst is drawn once, however many pokes it has. By a timer, since no frame comes
 * while the page is hidden or the browser draws nothing.
 */
export class PokeList {
  #list = byId('pokes');
  #received = 0;
  #waiting = [];

  constructor() {
    this.#list.addEventListener('click', ({ target }) => {
      const row = target.closest('button')?.parentElement ?? null;
      if (row !== null) this.#select(row);
    });
  }

  clear() {
    this.#received = 0;
    this.#waiting = [];
    this.#list.replaceChildren();
    byId('message').hidden = true;
    this.#show();
  }

  add(poke) {
    this.#received++;
    this.#enqueue({ ...poke, at: new Date() });
  }

  /** A line of text among the pokes. */
  note(text) {
    this.#enqueue({ text });
  }

  #enqueue(entry) {
    this.#waiting.unshift(entry);
    if (this.#waiting.length === 1) setTimeout(() => this.#draw(), gatherMs);
    if (this.#waiting.length > maxRows) this.#waiting.length = maxRows;
  }

  #draw() {
    this.#list.prepend(...this.#waiting.map((entry) => (entry.text === undefined ? row(entry) : noteRow(entry))));
    this.#waiting = [];
    while (this.#list.children.length > maxRows) this.#list.lastChild.remove();
    this.#show();
    pulse();
  }

  #show() {
    byId('count').textContent = this.#received.toLocaleString('en');
    byId('no-pokes').hidden = this.#received > 0;
    byId('poke-columns').hidden = this.#received === 0;
  }

  #select(row) {
    this.#list.querySelector('[aria-current]')?.removeAttribute('aria-current');
    row.ariaCurrent = 'true';
    const { stream, position } = row.dataset;
    showMessage(stream, position);
  }
}

function row({ stream, position, globalPosition, at }) {
  const made = element(
    'li',
    {},
    element(
      'button',
      { type: 'button', className: 'poke', title: `Read ${stream} at ${position}` },
      element('span', { className: 'global' }, String(globalPosition)),
      element('span', { className: 'stream' }, stream),
      element('span', { className: 'place' }, String(position)),
      element('time', { dateTime: at.toISOString() }, at.toLocaleTimeString('en-GB')),
    ),
  );
  Object.assign(made.dataset, { stream, position });
  return made;
}

function noteRow({ text }) {
  return element('li', { className: 'note' }, text);
}

function pulse() {
  const wire = byId('wire');
  for (const animation of wire.getAnimations({ subtree: true })) animation.cancel();
  wire.classList.remove('poked');
  requestAnimationFrame(() => wire.classList.add('poked'));
}
