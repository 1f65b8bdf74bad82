import { byId } from '../common/element.js';
import { rove } from '../common/rove.js';

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

/** Keys of the whole page outside of text fields: `/` goes to the filter, `p` pauses. */
export function setUpPageKeys({ togglePause }) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    if (event.key === 'p') return togglePause();
    if (event.key !== '/') return;
    event.preventDefault();
    byId('filter').focus();
  });
}
