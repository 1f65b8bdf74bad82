import { byId, element } from '../common/element.js';
import { serverError } from '../common/server-error.js';

const everyMs = 2_000;

/** Name of the group that is shown; it is in the address, so that it can be shared. */
const chosen = () => decodeURIComponent(location.hash.slice(1));

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(await serverError(response));
  return response.json();
}

/** Looks once at everything that is shown. */
async function look() {
  try {
    const { groups } = await get('groups');
    const names = groups.map(({ group }) => group);
    if (!names.includes(chosen()) && names.length > 0)
      history.replaceState(null, '', `#${encodeURIComponent(names[0])}`);
    byId('none').hidden = names.length > 0;
    byId('group').hidden = names.length === 0;
    byId('names').replaceChildren(...names.map(nameLink));
    if (names.length > 0) await showGroup(chosen());
    byId('problem').hidden = true;
  } catch (error) {
    byId('problem').hidden = false;
    byId('problem').textContent = error.message;
  }
}

function nameLink(name) {
  const link = element('a', { href: `#${encodeURIComponent(name)}` }, name);
  if (name === chosen()) link.setAttribute('aria-current', 'true');
  return link;
}

async function showGroup(name) {
  const path = `groups/${encodeURIComponent(name)}`;
  const [group, { held }] = await Promise.all([get(path), get(`${path}/parked`)]);
  byId('title').textContent = `${name}: category ${group.category}, ${group.size} partitions`;
  byId('state').textContent = group.state;
  byId('state').dataset.state = group.state;
  byId('lag').textContent = lagText(group.lag);
  byId('members').replaceChildren(...group.members.map(memberRow));
  byId('partitions').replaceChildren(...group.partitions.map(partitionRow));
  byId('no-held').hidden = held.length > 0;
  byId('held').replaceChildren(...held.map((stream) => heldItem(name, stream)));
}

const cell = (text, className = '') => element('td', { className }, String(text));

function memberRow({ member, partitions, attached, address }) {
  const connection = attached ? (address ?? 'connected') : 'gone: its share moves when its lease ends';
  return element(
    'tr',
    {},
    cell(member),
    cell(partitions.length === 0 ? 'nothing' : partitions.join(' ')),
    cell(connection, attached ? '' : 'gone'),
  );
}

function partitionRow({ partition, member, generation, checkpoint, lag, revoking }) {
  return element(
    'tr',
    {},
    cell(partition, 'number'),
    cell(`${member ?? 'nobody'}${revoking ? ', moving' : ''}`, member === null || revoking ? 'gone' : ''),
    cell(generation, 'number generation'),
    cell(checkpoint ?? '–', 'number'),
    cell(lagText(lag), lag.messages > 0 ? 'behind' : ''),
  );
}

function lagText({ messages, exact, seconds }) {
  if (messages === 0 && exact) return 'nothing behind';
  const count = `${exact ? '' : 'at least '}${messages.toLocaleString('en')} behind`;
  return seconds === null ? count : `${count}, ${seconds.toFixed(1)} s`;
}

function heldItem(group, { stream, position, partition, attempts, retryAt, error }) {
  const until = retryAt === null ? 'parked' : `next try at ${new Date(retryAt).toLocaleTimeString('en')}`;
  const item = element(
    'li',
    {},
    element('code', {}, `${stream}@${position}`),
    element('span', { className: 'why' }, `partition ${partition}, ${until}, failed ${attempts}×: ${error}`),
    actButton('Replay', () => act(group, 'replay', { stream, position })),
  );
  if (retryAt === null) item.append(actButton('Skip', () => act(group, 'skip', { stream, position })));
  return item;
}

function actButton(text, onclick) {
  return element('button', { type: 'button', className: 'plain', onclick }, text);
}

/** What an administrator decides of a held stream. */
async function act(group, how, { stream, position }) {
  if (how === 'skip' && !confirm(`Pass over message ${position} of ${stream}? It is never handled.`)) return;
  const response = await fetch(`groups/${encodeURIComponent(group)}/parked/${how}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ stream, position }], reason: 'by the page of groups' }),
  });
  byId('answer').textContent = response.ok
    ? outcomeText(how, stream, position, (await response.json()).streams.length > 0)
    : await serverError(response);
  await look();
}

function outcomeText(how, stream, position, isDone) {
  if (!isDone) return `${stream} no longer waits at message ${position}`;
  return `${stream}: ${how === 'skip' ? 'skipped' : 'tried again'}`;
}

addEventListener('hashchange', look);
await look();
// A page that nobody sees asks nothing.
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, everyMs));
  if (!document.hidden) await look();
}
