import { byId } from '../common/element.js';
import { rove } from '../common/rove.js';

/**
 * Keys of the list: arrows go from row to row, Enter reads, and Escape closes what is read, then leaves the list. Returns what
 * is to be called after rows came or went.
 */
export function setUpListKeys(list, { closeMessage }) {
  const settle = rove(list, 'li:not([hidden]) > button');
  list.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && !closeMessage()) document.activeElement.blur();
  });

  // The Tab key enters at the row that is being read, else at the newest one.
  return () => {
    if (!list.contains(document.activeElement))
      settle(list.querySelector('[aria-current] > button') ?? list.querySelector('li:not([hidden]) > button'));
  };
}

/** Keys of the whole page while nothing is being written: `/` goes to the filter, `p` pauses. */
export function setUpPageKeys({ togglePause }) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    if (event.key === 'p') return togglePause();
    if (event.key !== '/') return;
    event.preventDefault();
    byId('filter').focus();
  });
}
