import { element } from '../common/element.js';
import { clockTime, milliTime, number } from '../common/format.js';

const pokes = new WeakMap();

/** The poke that a row is of; undefined for a line of text. */
export const pokeOf = (row) => pokes.get(row);

/** A row of the list for a poke that arrived `at`. */
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

/** A line of text among the pokes. */
export function noteRow(text) {
  return element('li', { className: 'note' }, text);
}

/** The line between the pokes of a log and those of the one before. */
export function logRow(at) {
  const parts = [`New log since ${clockTime(at)} ↑`, 'Earlier log ↓'].map((text) => element('span', {}, text));
  return element('li', { className: 'note log-start' }, ...parts);
}

/** The row of an earlier log: its position would read another message now. It stays a stop of the arrow keys. */
export function outdated(row) {
  const button = row.querySelector('button');
  if (button !== null) button.ariaDisabled = 'true';
  return row;
}

/** Whether its message can be read. */
export const isReadable = (row) => pokes.has(row) && !row.hidden && row.firstElementChild.ariaDisabled !== 'true';
