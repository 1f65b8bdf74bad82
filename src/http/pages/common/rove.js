/**
 * Makes a list a single tab stop: ↑ ↓ Home End move between items. Returns a function to call after items were added or
 * removed, optionally with the item to enter at.
 */
export function rove(list, selector) {
  const items = () => [...list.querySelectorAll(selector)];
  const stopAt = (item) => {
    for (const other of items()) other.tabIndex = other === item ? 0 : -1;
  };
  list.addEventListener('focusin', ({ target }) => target.matches(selector) && stopAt(target));
  list.addEventListener('keydown', (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at === -1 || all[to] === undefined) return;
    event.preventDefault();
    all[to].focus();
  });
  return (entry) => {
    const all = items();
    stopAt(entry ?? all.find(({ tabIndex }) => tabIndex === 0) ?? all[0]);
  };
}
