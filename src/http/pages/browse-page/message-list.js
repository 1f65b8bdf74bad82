import { element } from '../common/element.js';
import { milliTime, number } from '../common/format.js';
import { rove } from '../common/rove.js';
import { messageDetail } from './message-detail.js';

/** Maximum number of rows kept; new rows replace the oldest. */
export const maxRows = 200;

/**
 * The messages of a stream, newest first, at most one of them open. The list is held while the pointer is over it, it
 * has the focus, or a message is open; new rows then wait for `onReleased`.
 */
export class MessageList {
  #list;
  #stream = '';
  #settle;
  #open;
  #onOpened;

  constructor(list, { onOpened, onReleased }) {
    this.#list = list;
    this.#onOpened = onOpened;
    this.#settle = rove(list, '.row');
    list.addEventListener('pointerleave', onReleased);
    list.addEventListener('focusout', ({ relatedTarget }) => list.contains(relatedTarget) || onReleased());
    list.addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape' || this.#open === undefined) return;
      const { row } = this.#open;
      this.close();
      row.focus();
    });
  }

  get isHeld() {
    const isPointedAt = matchMedia('(hover: hover)').matches && this.#list.matches(':hover');
    return isPointedAt || this.#list.matches(':focus-within') || this.#open !== undefined;
  }

  /** Positions of the newest and oldest message shown; undefined: there are none. */
  get newest() {
    return this.#positionOf(this.#list.firstElementChild);
  }

  get oldest() {
    return this.#positionOf(this.#list.lastElementChild);
  }

  show(stream, messages) {
    this.clear();
    this.#stream = stream;
    this.#list.append(...messages.map((message) => this.#item(message)));
    this.#settle();
  }

  clear() {
    this.close();
    this.#list.replaceChildren();
  }

  /** Adds newer messages, newest first. */
  add(messages) {
    const items = messages.slice(0, maxRows).map((message) => this.#item(message));
    for (const item of items) item.classList.add('arrived');
    this.#list.prepend(...items);
    while (this.#list.childElementCount > maxRows) this.#list.lastElementChild.remove();
    this.#settle();
  }

  /** Opens the message at a position and scrolls to it; returns false if it is not shown. */
  open(position) {
    const item = [...this.#list.children].find((each) => this.#positionOf(each) === position);
    if (item === undefined) return false;
    const row = item.querySelector('.row');
    if (this.#open?.row !== row) row.click();
    item.scrollIntoView({ block: 'center', behavior: 'instant' });
    return true;
  }

  close() {
    if (this.#open === undefined) return;
    const { row } = this.#open;
    this.#open = undefined;
    row.ariaExpanded = 'false';
    row.nextElementSibling?.remove();
    this.#onOpened(undefined);
  }

  #positionOf(item) {
    return item === null ? undefined : Number(item.dataset.position);
  }

  #item({ position, type, time, preview }) {
    const row = element(
      'button',
      { type: 'button', className: 'row', ariaExpanded: 'false' },
      element('span', { className: 'at' }, number(position)),
      element('span', { className: 'type' }, type),
      element('span', { className: 'preview' }, preview),
      element('time', { dateTime: time, title: time }, timeText(time)),
    );
    row.addEventListener('click', () => this.#toggle(position, row));
    const item = element('li', {}, row);
    item.dataset.position = position;
    return item;
  }

  async #toggle(position, row) {
    const wasOpen = this.#open?.row === row;
    this.close();
    if (wasOpen) return;
    const opened = { row };
    this.#open = opened;
    row.ariaExpanded = 'true';
    this.#onOpened(position);
    const detail = await messageDetail(this.#stream, position).catch((error) =>
      element('p', { className: 'answer refused detail' }, error.message),
    );
    // The row may have been closed in the meantime.
    if (this.#open === opened) row.after(detail);
  }
}

/** The time of day, with the date unless it is today. */
export function timeText(time) {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? milliTime(date) : `${date.toLocaleDateString()} ${milliTime(date)}`;
}
