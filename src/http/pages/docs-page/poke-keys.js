import { byId } from '../common/element.js';
import { rove } from '../common/rove.js';
import { setUpShortcuts } from '../common/shortcuts.js';

/**
 * Keys of the list: arrows move between rows, Enter opens a message, Escape closes it, and a second Escape leaves the
 * list. Returns a function to call after rows were added or removed.
 */
export function setUpListKeys(list, { closeMessage }) {
  const settle = rove(list, 'li:not([hidden]) > button');
  list.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && !closeMessage()) document.activeElement.blur();
  });

  // The Tab key enters at the open row, otherwise at the newest.
  return () => {
    if (!list.contains(document.activeElement))
      settle(list.querySelector('[aria-current] > button') ?? list.querySelector('li:not([hidden]) > button'));
  };
}

/** Keys of the whole page. */
export function setUpPageKeys({ togglePause }) {
  const filter = byId('filter');
  setUpShortcuts([
    { key: '/', text: 'filter', target: filter, act: () => filter.focus() },
    { key: 'p', text: 'pause', target: byId('pause'), act: togglePause },
  ]);
}
