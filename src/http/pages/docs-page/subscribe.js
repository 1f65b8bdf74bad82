import { curlCommand, curlLine } from '../common/curl-line.js';
import { byId } from '../common/element.js';
import { clearFields, showAtField } from '../common/field-errors.js';
import { clockTime } from '../common/format.js';
import { noAnswer, refusalParts } from '../common/server-error.js';
import { ConnectionState } from './connection-state.js';
import { Continuity } from './continuity.js';
import { PokeList } from './poke-list.js';
import { Proof } from './proof.js';
import { Selectors } from './selectors.js';
import { Subscriptions } from './subscriptions.js';
import { subscribeUrl, wantedSubscription } from './wanted-subscription.js';

/** Fields of the form by the server's name for them. */
const fieldIds = {
  stream: 'selector-name',
  category: 'selector-name',
  all: 'selector-kind',
  position: 'position',
  consumer: 'consumer',
  size: 'size',
};

/** The form that chooses selectors, and its subscription. `roundTrip` gets its pokes. */
export function setUpSubscribe(roundTrip) {
  const pokes = new PokeList();
  const proof = new Proof();
  const continuity = new Continuity({
    note: (text) => pokes.note(text),
    beginLog: () => pokes.beginLog(),
    proof: (outcome) => proof.take(outcome),
  });
  const connection = new ConnectionState(() => subscriptions.retryNow());

  const subscriptions = new Subscriptions({
    event: (name, data) => {
      if (name === 'hello') pokes.setClock(data.time);
      if (name === 'poke') {
        pokes.add(data);
        roundTrip.poked(data);
      }
      continuity[name](data);
    },
    opened: ({ text, beginsAfter }) => {
      clearError();
      continuity.begin(beginsAfter);
      pokes.begin(`Subscribed to ${text} at ${clockTime(new Date())}`);
    },
    state: (state) => {
      connection.show(state);
      showButtons(state.name);
      if (state.name === 'reconnecting' && state.refusal?.code !== undefined)
        byId('subscribe-error').replaceChildren(...refusalParts(state.refusal));
    },
    refused: showRefusal,
  });

  const selectors = new Selectors(() => showLine(selectors.all));
  byId('subscribe-form').addEventListener('submit', (event) => {
    event.preventDefault();
    clearError();
    const { url, ...wanted } = wantedSubscription(selectors.all);
    subscriptions.open({ ...wanted, url: `${url}&hello=true&heartbeat=head` });
  });
  byId('unsubscribe').addEventListener('click', () => subscriptions.close());
  for (const id of ['position', 'consumer', 'size']) byId(id).addEventListener('input', () => showLine(selectors.all));
  byId('more').addEventListener('click', () => showMore(byId('more-fields').hidden));
  showLine(selectors.all);
}

function showLine(selectors) {
  const [first, ...others] = selectors;
  const ofStream = first?.kind === 'stream' && others.length === 0;
  byId('position-label').textContent = `${ofStream ? 'Stream' : 'Global'} position`;
  byId('position').placeholder = first?.kind === 'all' ? 'now' : 'start';
  const url = new URL(subscribeUrl(selectors), document.baseURI);
  byId('subscribe-line').replaceChildren(curlLine(curlCommand(url, ['-N'])));
}

function showMore(isShown) {
  byId('more-fields').hidden = !isShown;
  byId('more').ariaExpanded = String(isShown);
}

/** Only one primary button at a time: while a stream is open, it is Append. */
function showButtons(state) {
  const isSubscribed = state === 'open' || state === 'reconnecting';
  byId('subscribe').textContent = isSubscribed ? 'Resubscribe' : 'Subscribe';
  byId('subscribe').classList.toggle('primary', !isSubscribed);
  byId('unsubscribe').disabled = state === 'idle' || state === 'refused';
}

function showRefusal(refusal = { sentence: noAnswer() }) {
  const parts = refusalParts(refusal);
  const input = byId(fieldIds[refusal.field]);
  if (input !== null) {
    if (byId('more-fields').contains(input)) showMore(true);
    showAtField(input, ...parts);
    return;
  }
  byId('subscribe-error').replaceChildren(...parts);
  byId('subscribe-error').scrollIntoView({ block: 'nearest' });
}

function clearError() {
  clearFields(byId('subscribe-form'));
  byId('subscribe-error').replaceChildren();
}
