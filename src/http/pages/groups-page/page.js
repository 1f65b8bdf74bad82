import { curlCommand, curlLine } from '../common/curl-line.js';
import { byId, element } from '../common/element.js';
import { clockTime } from '../common/format.js';
import { showItems } from '../common/keyed-children.js';
import { noAnswer, refusalOf, refusalParts } from '../common/server-error.js';
import { showTopState } from '../common/top-state.js';
import { heldItem, heldText, memberRow, partitionRow, showGroupHead } from './group.js';
import { ResizeForm } from './resize-form.js';

const everyMs = 2_000;

/** Name of the group shown, from the address, so that it can be linked to. */
const chosen = () => decodeURIComponent(location.hash.slice(1));

const signIn = element('button', { type: 'button', onclick: () => location.reload() }, 'Sign in');

const resizeForm = new ResizeForm(look);

/** Time of the last answer. */
let answeredAt = new Date();

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw await refusalOf(response);
  return response.json();
}

/** Refreshes everything that is shown. */
async function look() {
  try {
    const { groups } = await get('groups');
    const names = groups.map(({ group }) => group);
    if (!names.includes(chosen()) && names.length > 0)
      history.replaceState(null, '', `#${encodeURIComponent(names[0])}`);
    byId('none').hidden = names.length > 0;
    const links = names.map((name) => ({ name, isChosen: name === chosen() }));
    showItems(byId('names'), links, ({ name }) => name, nameLink);
    if (names.length > 0) await showGroup(chosen());
    // Only now, because earlier input in the form would be overwritten.
    byId('group').hidden = names.length === 0;
    byId('problem').hidden = true;
    answeredAt = new Date();
    showTopState('good', 'up to date');
  } catch (error) {
    showProblem(error);
  }
}

/** Shows an error of the server, or a request without an answer. */
function showProblem(error) {
  const isRefusal = error.sentence !== undefined;
  const since = clockTime(answeredAt);
  showTopState('danger', isRefusal ? `refused since ${since}` : `no answer since ${since}`);
  byId('problem').replaceChildren(...(isRefusal ? refusalParts(error) : [noAnswer()]));
  // The session has ended, so the page offers to sign in again.
  if (error.code?.startsWith('401')) byId('problem').append(' ', signIn);
  byId('problem').hidden = false;
}

function nameLink({ name, isChosen }) {
  const link = element('a', { href: `#${encodeURIComponent(name)}` }, name);
  if (isChosen) link.setAttribute('aria-current', 'true');
  return link;
}

async function showGroup(name) {
  const path = `groups/${encodeURIComponent(name)}`;
  const [group, { held, more }] = await Promise.all([get(path), get(`${path}/parked`)]);
  showGroupHead(name, group, heldText(held.length, more));
  resizeForm.show(name, group.size);
  byId('no-members').hidden = group.members.length > 0;
  showItems(byId('members'), group.members, ({ member }) => member, memberRow);
  showItems(byId('partitions'), group.partitions, ({ partition }) => partition, partitionRow);
  byId('no-held').hidden = held.length > 0;
  const keyOf = ({ stream }) => `${name} ${stream}`;
  showItems(byId('held'), held, keyOf, (stream) => heldItem(stream, (how) => act(name, how, stream)));
}

/** Applies the administrator's decision about a held stream. */
async function act(group, how, { stream, position }) {
  if (how === 'skip' && !confirm(`Skip message ${position} of ${stream}? No member will ever handle it.`)) return;
  try {
    const response = await fetch(`groups/${encodeURIComponent(group)}/parked/${how}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ stream, position }], reason: 'on the Groups page' }),
    });
    if (!response.ok) answer(refusalParts(await refusalOf(response)), true);
    else answer([outcomeText(how, stream, position, (await response.json()).streams.length > 0)], false);
  } catch {
    answer([noAnswer()], true);
  }
  await look();
}

function answer(parts, isRefused) {
  byId('answer').classList.toggle('refused', isRefused);
  byId('answer').replaceChildren(...parts);
}

function outcomeText(how, stream, position, isDone) {
  if (!isDone) return `${stream} no longer waits at message ${position}`;
  return `${stream}: ${how === 'skip' ? 'skipped' : 'will be tried again'}`;
}

const join = new URL('subscribe?category=account&group=billing&member=worker-1&size=8', document.baseURI);
byId('join').append(curlLine(curlCommand(join, ['-N'])));
addEventListener('hashchange', look);
await look();
// A hidden page sends no requests.
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, everyMs));
  if (!document.hidden) await look();
}
