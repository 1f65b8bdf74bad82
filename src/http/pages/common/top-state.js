import { byId, element } from './element.js';

/** Shows the state of the page's connection in the header. `tone` is one of states.css. Does nothing if the state is unchanged. */
export function showTopState(tone, text) {
  const slot = byId('top-state');
  slot.firstElementChild ?? slot.append(element('span', { className: 'status', role: 'status' }));
  const status = slot.firstElementChild;
  status.dataset.tone = tone;
  if (status.textContent !== text) status.textContent = text;
}
