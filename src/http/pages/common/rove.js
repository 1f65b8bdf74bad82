/**
 * Makes a list one stop of the tab key: ↑ ↓ Home End go from item to item. Returns what is to be called after items came or
 * went; it may be given the item at which the tab key is to enter.
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
