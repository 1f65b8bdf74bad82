import { element } from '../common/element.js';
import { clockTime, milliTime, number } from '../common/format.js';

const pokes = new WeakMap();

/** The poke of a row; undefined for a line of text. */
export const pokeOf = (row) => pokes.get(row);

/** A row for a poke that arrived at `at`. */
export function pokeRow(poke) {
  const { stream, position, globalPosition, at } = poke;
  const button = element(
    'button',
    { type: 'button', className: 'poke', tabIndex: -1, title: `Read ${stream} at ${number(position)}` },
    element('span', { className: 'global' }, number(globalPosition)),
    element('span', { className: 'stream' }, stream),
    element('span', { className: 'place' }, number(position)),
    element('time', { dateTime: at.toISOString(), title: at.toISOString() }, milliTime(at)),
  );
  const row = element('li', {}, button);
  pokes.set(row, poke);
  return row;
}

/** A line of text between pokes. */
export function noteRow(text) {
  return element('li', { className: 'note' }, text);
}

/** The line between pokes of different logs. */
export function logRow(at) {
  const parts = [`New log since ${clockTime(at)} ↑`, 'Earlier log ↓'].map((text) => element('span', {}, text));
  return element('li', { className: 'note log-start' }, ...parts);
}

/** Marks a row of an earlier log, whose position would now read another message. Arrow keys still reach it. */
export function outdated(row) {
  const button = row.querySelector('button');
  if (button !== null) button.ariaDisabled = 'true';
  return row;
}

/** Whether its message can be read. */
export const isReadable = (row) => pokes.has(row) && !row.hidden && row.firstElementChild.ariaDisabled !== 'true';
