import { element } from '../common/element.js';

const all = new Set();
let chosen = 'curl';

/**
 * Tabs that each show a panel; arrow keys move between them (ARIA authoring practices, tabs). Choosing a name selects
 * it in all tab groups of the page that have it.
 */
export function tabs(id, label, panels) {
  const buttons = panels.map(({ name }, index) => {
    const button = element('button', { type: 'button', role: 'tab', id: `${id}-tab-${index}` }, name);
    button.setAttribute('aria-controls', `${id}-panel-${index}`);
    button.addEventListener('click', () => choose(name, button));
    return button;
  });
  const list = element('div', { role: 'tablist', className: 'tabs', ariaLabel: label }, ...buttons);
  list.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length);
    next.focus();
    next.click();
  });
  const shown = panels.map(({ content }, index) => {
    const panel = element('div', { role: 'tabpanel', id: `${id}-panel-${index}` }, content);
    panel.setAttribute('aria-labelledby', `${id}-tab-${index}`);
    return panel;
  });
  const show = (name) => {
    const index = Math.max(
      0,
      panels.findIndex((panel) => panel.name === name),
    );
    for (const [at, button] of buttons.entries()) {
      button.ariaSelected = String(at === index);
      button.tabIndex = at === index ? 0 : -1;
      shown[at].hidden = at !== index;
    }
  };
  show(chosen);
  all.add(show);
  return element('div', { className: 'tabbed' }, list, ...shown);
}

/** Content above may change in height; keeps the pressed button in place. */
function choose(name, button) {
  const before = button.getBoundingClientRect().top;
  chosen = name;
  for (const show of all) show(name);
  scrollBy({ top: button.getBoundingClientRect().top - before, behavior: 'instant' });
}
