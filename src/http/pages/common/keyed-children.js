/** The item that each element was created from. */
const sources = new WeakMap();

/**
 * Shows items as children of an element, each created by `make`. An element is kept while its item is unchanged, so
 * that it keeps the focus and can be clicked; if the item changes, the focus moves to the new element. `keyOf`
 * identifies items.
 */
export function showItems(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [sources.get(child)?.key, child]));
  const wanted = items.map((item) => {
    const source = { key: keyOf(item), text: JSON.stringify(item) };
    const known = old.get(source.key);
    if (known !== undefined && sources.get(known).text === source.text) return known;
    const made = make(item);
    sources.set(made, source);
    if (known !== undefined) replace(known, made);
    return made;
  });
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  for (const [at, child] of wanted.entries()) {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  }
}

function replace(known, made) {
  const focusable = (parent) => [parent, ...parent.querySelectorAll('a, button')];
  const focused = focusable(known).indexOf(document.activeElement);
  known.replaceWith(made);
  if (focused >= 0) focusable(made)[focused]?.focus();
}
