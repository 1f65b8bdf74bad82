import { byId } from '../common/element.js';

/**
 * Makes the list one stop of the Tab key: arrows, Home and End go from row to row, Enter reads, and Escape closes what is read,
 * then leaves the list. Returns what is to be called after rows came or went.
 */
export function setUpListKeys(list, { closeMessage }) {
  const rows = () => [...list.querySelectorAll('li:not([hidden]) > button')];

  const stopAt = (row) => {
    for (const other of list.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    row.tabIndex = 0;
  };

  const target = (key) => {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    if (key === 'ArrowDown') return all[Math.min(at + 1, all.length - 1)];
    if (key === 'ArrowUp') return all[Math.max(at - 1, 0)];
    if (key === 'Home') return all[0];
    return key === 'End' ? all.at(-1) : undefined;
  };

  list.addEventListener('focusin', (event) => stopAt(event.target));
  list.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      if (!closeMessage()) document.activeElement.blur();
      return;
    }
    const row = target(event.key);
    if (row === undefined) return;
    event.preventDefault();
    row.focus();
  });

  // The Tab key enters at the row that is being read, else at the newest one.
  return () => {
    if (list.contains(document.activeElement)) return;
    const row = list.querySelector('[aria-current] > button') ?? rows()[0];
    if (row !== undefined) stopAt(row);
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
