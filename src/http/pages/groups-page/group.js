import { byId, element } from '../common/element.js';
import { clockTime, countText, number } from '../common/format.js';

/** Tones of states that need attention; all others are transient. */
const tones = { stable: 'good', stopped: 'danger', 'new-log': 'danger' };

/** States whose names in the API are unclear without its documentation. */
const stateTexts = { empty: 'no members', 'new-log': 'log replaced: needs a reset' };

/** Shows a group's overall state. `held`: its held streams in words, because its lag does not count them; empty: none. */
export function showGroupHead(name, { category, size, state, lag }, held) {
  setText(byId('title'), `${name}: category ${category}, ${countText(size, 'partition')}`);
  byId('state').dataset.tone = tones[state] ?? 'wait';
  setText(byId('state'), stateTexts[state] ?? state);
  byId('held-count').hidden = held === '';
  setText(byId('held-count'), held);
  setText(byId('lag'), lagText(lag));
}

/** Screen readers announce a status each time its text is set. */
function setText(shown, text) {
  if (shown.textContent !== text) shown.textContent = text;
}

const cell = (text, className = '') => element('td', { className }, String(text));
const heading = (text, className = '') => element('th', { scope: 'row', className }, String(text));

export function memberRow({ member, partitions, attached, address }) {
  const connection = attached ? (address ?? 'connected') : 'gone; its partitions move when its lease ends';
  return element(
    'tr',
    {},
    heading(member),
    cell(partitions.length === 0 ? 'nothing' : partitions.join(' ')),
    cell(connection, attached ? '' : 'gone'),
  );
}

export function partitionRow({ partition, member, generation, checkpoint, lag, revoking }) {
  return element(
    'tr',
    {},
    heading(partition),
    cell(`${member ?? 'nobody'}${revoking ? ', moving' : ''}`, member === null || revoking ? 'gone' : ''),
    cell(generation, 'number generation'),
    cell(checkpoint === null ? '–' : number(checkpoint), 'number'),
    cell(lagText(lag), lag.messages > 0 ? 'behind' : ''),
  );
}

function lagText({ messages, exact, seconds }) {
  if (messages === 0 && exact) return 'caught up';
  const count = `${exact ? '' : 'at least '}${number(messages)} behind`;
  return seconds === null ? count : `${count}, ${seconds.toFixed(1)} s`;
}

/** How many streams are held, in words; empty: none. `more`: whether there are more than were counted. */
export function heldText(count, more) {
  if (count === 0) return '';
  return `${more ? 'more than ' : ''}${countText(count, 'stream')} held`;
}

/** A held stream. `act` is called with the administrator's decision: `replay` or `skip`. */
export function heldItem({ stream, position, partition, attempts, retryAt, error }, act) {
  const until = retryAt === null ? 'parked' : `next try at ${clockTime(new Date(retryAt))}`;
  const place = `${stream}@${position}`;
  const item = element(
    'li',
    {},
    element('code', {}, place),
    element('span', { className: 'why' }, `partition ${partition}, ${until}, failed ${attempts}×: ${error}`),
    actButton('Replay', place, () => act('replay')),
  );
  if (retryAt === null) item.append(actButton('Skip', place, () => act('skip')));
  return item;
}

function actButton(text, place, onclick) {
  return element('button', { type: 'button', ariaLabel: `${text} ${place}`, onclick }, text);
}
