import { element } from './element.js';

/** Key in `localStorage`. Present only if shortcuts are off. */
const storageKey = 'pokewire shortcuts';

/**
 * Single keys that work wherever the focus is, except in text fields. Each shortcut has a `key`, a `text` saying what it does,
 * the element it acts on as `target`, and a function `act`. The page's footer lists them and has a box that turns them off
 * (WCAG 2.2, 2.1.4).
 */
export function setUpShortcuts(shortcuts) {
  const box = element('input', { type: 'checkbox', id: 'shortcuts' });
  const apply = (areOn) => {
    box.checked = areOn;
    document.body.classList.toggle('without-shortcuts', !areOn);
    for (const { key, target } of shortcuts) target.ariaKeyShortcuts = areOn ? key : null;
  };
  box.addEventListener('change', () => {
    apply(box.checked);
    keep(box.checked);
  });
  addEventListener('storage', () => apply(areKeptOn()));
  addEventListener('keydown', (event) => {
    const isWriting = event.target.matches?.('input:not([type=checkbox]), select, textarea');
    if (!box.checked || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
    const shortcut = shortcuts.find(({ key }) => key === event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.act();
  });
  const keys = shortcuts.flatMap(({ key, text }) => [' ', element('kbd', {}, key), ` ${text}`]);
  const label = element('label', {}, box, element('span', {}, 'Shortcuts:', ...keys));
  document.body.append(element('footer', { className: 'foot' }, label));
  apply(areKeptOn());
}

// Access to the storage throws where the browser blocks it. The setting then lasts as long as the page.
function areKeptOn() {
  try {
    return localStorage.getItem(storageKey) !== 'off';
  } catch {
    return true;
  }
}

function keep(areOn) {
  try {
    if (areOn) localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, 'off');
  } catch {}
}
