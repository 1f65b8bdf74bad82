import { byId } from '../common/element.js';
import { clearFields, showAtField } from '../common/field-errors.js';
import { number } from '../common/format.js';
import { noAnswer, refusalOf, refusalParts } from '../common/server-error.js';

/** Fields of the form, by the server's name for them or by an error code about them. */
const fieldIds = {
  stream: 'stream',
  type: 'type',
  data: 'data',
  body: 'data',
  expectedVersion: 'expected-version',
  '409 STREAM_VERSION_CONFLICT': 'expected-version',
};

/** The form that appends a message. Shows the answer and the poke's delay, or where and why the server refused it. */
export function setUpAppend(roundTrip) {
  byId('append-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    clearFields(byId('append-form'));
    answer(false);
    const problem = problemOf(byId('data').value);
    if (problem !== undefined) return showAtField(byId('data'), problem);
    roundTrip.sent();
    try {
      const response = await append();
      if (!response.ok) return showRefusal(await refusalOf(response));
      const { stream, position, globalPosition } = await response.json();
      const stored = `Stored: ${stream} at ${number(position)}, global position ${number(globalPosition)}`;
      answer(false, stored);
      roundTrip.stored(globalPosition, (ms) => answer(false, `${stored} · poked after ${number(Math.ceil(ms))} ms`));
    } catch {
      answer(true, noAnswer());
    }
  });
}

function append() {
  const version = byId('expected-version').value.trim();
  const query = version === '' ? '' : `?expectedVersion=${encodeURIComponent(version)}`;
  return fetch(`streams/${encodeURIComponent(byId('stream').value)}/messages${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // Sends the data verbatim: parsing it here would lose the last digits of long numbers.
    body: `{"type":${JSON.stringify(byId('type').value)},"data":${byId('data').value}}`,
  });
}

function problemOf(json) {
  try {
    JSON.parse(json);
    return undefined;
  } catch (error) {
    return `The data is not JSON: ${error.message}`;
  }
}

function showRefusal(refusal) {
  const input = byId(fieldIds[refusal.field] ?? fieldIds[refusal.code]);
  const parts = refusalParts(refusal);
  if (input === null) answer(true, ...parts);
  else showAtField(input, ...parts);
}

function answer(isRefused, ...parts) {
  byId('append-answer').replaceChildren(...parts);
  byId('append-answer').classList.toggle('refused', isRefused);
}
