import { byId } from '../common/element.js';
import { number } from '../common/format.js';
import { Hold } from './hold.js';
import { MessageSheet } from './message-sheet.js';
import { setUpListKeys, setUpPageKeys } from './poke-keys.js';
import { PokeQueue } from './poke-queue.js';
import { isReadable, logRow, noteRow, outdated, pokeOf, pokeRow } from './poke-row.js';
import { Rate } from './rate.js';

/** Maximum number of rows kept; the oldest are removed. */
const maxRows = 200;

/** Above this rate rows are drawn four times per second, so that they can be read and clicked; otherwise within about a frame. */
const calmPerSecond = 30;
const calmMs = 16;
const busyMs = 250;

/**
 * Pokes as they arrive, newest first. While the list is paused or in use, new pokes wait. Drawn by timers, because a
 * hidden page gets no animation frames.
 */
export class PokeList {
  #list = byId('pokes');
  #hold = new Hold(this.#list);
  #queue = new PokeQueue(maxRows);
  #rate = new Rate();
  #sheet;
  #rowsChanged;
  #received = 0;
  #clockOffsetMs = 0;
  #isPaused = false;
  #filter = '';
  #drawing;
  #counting;

  constructor() {
    this.#sheet = new MessageSheet({ step: (rows) => this.#step(rows), closed: (byKey) => this.#unmark(byKey) });
    this.#rowsChanged = setUpListKeys(this.#list, { closeMessage: () => this.#sheet.close(true) });
    this.#list.addEventListener('click', ({ target }) => {
      const row = target.closest('li');
      if (row !== null && isReadable(row)) this.#read(row);
    });
    byId('pause').addEventListener('click', () => this.#togglePause());
    byId('new').addEventListener('click', (event) => this.#showNew(event));
    byId('filter').addEventListener('input', ({ target }) => this.#filterBy(target.value.trim()));
    setUpPageKeys({ togglePause: () => this.#togglePause() });
  }

  /** Starts another subscription: its pokes are counted from 0; earlier ones stay below a line. */
  begin(text) {
    this.#received = 0;
    this.note(text);
    this.#showCounts();
  }

  /** Sets the server's current time. */
  setClock(time) {
    this.#clockOffsetMs = Date.parse(time) - Date.now();
  }

  add(poke) {
    this.#received++;
    this.#rate.add(performance.now());
    this.#counting ??= setInterval(() => this.#showCounts(), busyMs);
    const arrived = { ...poke, at: new Date(), clockOffsetMs: this.#clockOffsetMs };
    if (this.#isShown(poke)) this.#enqueue(() => pokeRow(arrived));
  }

  /** Adds a line of text between the pokes. */
  note(text) {
    this.#enqueue(() => noteRow(text));
  }

  /** Marks everything shown so far as belonging to an earlier log. */
  beginLog() {
    const at = new Date();
    for (const row of this.#list.children) outdated(row);
    this.#queue.map(outdated);
    this.#enqueue(() => logRow(at));
  }

  get #isHeld() {
    return this.#isPaused || this.#hold.isHeld;
  }

  get #isCalm() {
    return this.#rate.perSecond(performance.now()) <= calmPerSecond;
  }

  #enqueue(make) {
    this.#queue.add(make);
    this.#drawing ??= setTimeout(() => this.#tick(), this.#isCalm ? calmMs : busyMs);
  }

  #tick() {
    this.#drawing = undefined;
    if (this.#isHeld) this.#drawing = setTimeout(() => this.#tick(), busyMs);
    else this.#draw();
    this.#showCounts();
  }

  #draw() {
    const rows = this.#queue.take();
    // Animating hundreds of rows would only flicker.
    if (rows.length <= calmPerSecond) for (const row of rows) row.classList.add('arrived');
    this.#list.prepend(...rows);
    this.#trim();
    this.#rowsChanged();
    pulse();
  }

  /** Removes the oldest rows, except the one whose message is open. */
  #trim() {
    let surplus = this.#list.childElementCount - maxRows;
    for (let row = this.#list.lastElementChild; surplus > 0; surplus--) {
      if (row.ariaCurrent !== null) row = row.previousElementSibling;
      const newer = row.previousElementSibling;
      row.remove();
      row = newer;
    }
  }

  #showCounts() {
    const rate = this.#rate.perSecond(performance.now());
    byId('count').textContent = number(this.#received);
    byId('rate').textContent = rate === 0 ? '' : `${number(rate)}/s`;
    byId('new').textContent = `${number(this.#queue.total)} new ↑`;
    byId('new').hidden = this.#queue.total === 0 || !this.#isHeld;
    byId('no-pokes').hidden = this.#list.childElementCount > 0;
    if (rate > 0 || this.#counting === undefined) return;
    clearInterval(this.#counting);
    this.#counting = undefined;
  }

  #togglePause() {
    this.#isPaused = !this.#isPaused;
    byId('pause').textContent = this.#isPaused ? 'Resume' : 'Pause';
    this.#showCounts();
  }

  /** Draws even while the list is held, because the user asked for it. */
  #showNew({ detail }) {
    this.#draw();
    this.#list.scrollTop = 0;
    this.#showCounts();
    // The button with the focus has disappeared, so keyboard users need a new one.
    if (detail === 0) this.#list.querySelector('[tabindex="0"]')?.focus();
  }

  /** From now on only matching pokes are kept, so that others do not displace them. */
  #filterBy(text) {
    this.#filter = text;
    for (const row of this.#list.children) row.hidden = pokeOf(row) !== undefined && !this.#isShown(pokeOf(row));
    this.#rowsChanged();
  }

  #isShown({ stream }) {
    return stream.includes(this.#filter);
  }

  async #read(row) {
    this.#unmark(false);
    row.ariaCurrent = 'true';
    await this.#sheet.show(pokeOf(row));
    // On a phone the sheet covers the lower half of the window.
    if (row.ariaCurrent !== null) row.scrollIntoView({ block: 'nearest' });
  }

  /** `returnsFocus`: moves the focus back to the row, for keyboard users. */
  #unmark(returnsFocus) {
    const current = this.#list.querySelector('[aria-current]');
    if (current === null) return;
    current.ariaCurrent = null;
    if (returnsFocus) current.firstElementChild.focus();
  }

  /** Opens the message this many rows further down. */
  #step(rows) {
    const readable = [...this.#list.children].filter(isReadable);
    const at = readable.findIndex((row) => row.ariaCurrent !== null);
    const row = readable[at + rows];
    if (at !== -1 && row !== undefined) this.#read(row);
  }
}

function pulse() {
  const wire = byId('wire');
  for (const animation of wire.getAnimations({ subtree: true })) animation.cancel();
  wire.classList.remove('poked');
  requestAnimationFrame(() => wire.classList.add('poked'));
}
