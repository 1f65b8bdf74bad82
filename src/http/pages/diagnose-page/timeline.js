import { element } from '../common/element.js';

const namespace = 'http://www.w3.org/2000/svg';

/** Two rows on one time axis: expected events above, measured ones below, with lines in between. */
export class Timeline {
  #lengthMs;
  #lines = document.createElementNS(namespace, 'svg');
  #rows;
  #end = element('span', {});
  #element;

  constructor(names, lengthMs, label) {
    this.#lengthMs = lengthMs;
    this.#lines.setAttribute('preserveAspectRatio', 'none');
    this.#lines.setAttribute('viewBox', '0 0 1000 100');
    this.#rows = names.map(() => element('div', { className: 'track' }, element('i', { className: 'bar' })));
    const field = element('div', { className: 'field-of-time' }, this.#rows[0], this.#lines, this.#rows[1]);
    const titles = names.map((name) => element('span', {}, name));
    const axis = element('div', { className: 'axis' }, element('span', {}, '0 s'), this.#end);
    this.#element = element('div', { className: 'timeline', role: 'img', ariaLabel: label });
    this.#element.append(element('div', { className: 'row-names' }, ...titles), field, axis);
    this.#showEnd();
  }

  get element() {
    return this.#element;
  }

  /** Adds a dot to a row, and returns it. */
  mark(row, atMs, kind = '') {
    const dot = element('i', { className: `dot ${kind}` });
    this.#rows[row].append(dot);
    this.move(dot, atMs);
    return dot;
  }

  /** Moves a dot to another time. */
  move(dot, atMs) {
    this.#reach(atMs);
    dot.dataset.at = atMs;
    this.#place(dot);
  }

  /** Adds a line from the upper row to the lower one. */
  join(fromMs, toMs) {
    this.#reach(toMs);
    const line = document.createElementNS(namespace, 'line');
    line.setAttribute('y1', '0');
    line.setAttribute('y2', '100');
    Object.assign(line.dataset, { from: fromMs, to: toMs });
    this.#lines.append(line);
    this.#place(line);
  }

  /** Sets how far a row has progressed. */
  fill(row, toMs) {
    this.#reach(toMs);
    const bar = this.#rows[row].firstChild;
    bar.dataset.to = toMs;
    this.#place(bar);
  }

  /** Extends the axis for a late event. */
  #reach(ms) {
    if (ms <= this.#lengthMs) return;
    this.#lengthMs = ms * 1.02;
    this.#showEnd();
    for (const drawn of this.#element.querySelectorAll('.dot, .bar[data-to], line')) this.#place(drawn);
  }

  #place(drawn) {
    const share = (ms) => Number(ms) / this.#lengthMs;
    const { at, from, to } = drawn.dataset;
    if (at !== undefined) drawn.style.left = `${share(at) * 100}%`;
    else if (from === undefined) drawn.style.width = `${share(to) * 100}%`;
    else {
      drawn.setAttribute('x1', share(from) * 1000);
      drawn.setAttribute('x2', share(to) * 1000);
    }
  }

  #showEnd() {
    this.#end.textContent = `${(this.#lengthMs / 1000).toFixed(this.#lengthMs < 9_950 ? 1 : 0)} s`;
  }
}
