import { byId } from '../common/element.js';
import { noAnswer, serverError } from '../common/server-error.js';

/** The form that appends a message and shows the answer, or the sentence with which the server refused. */
export function setUpAppend() {
  byId('append-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const problem = problemOf(byId('data').value);
    if (problem !== undefined) return answer(problem, true);
    try {
      const response = await append();
      if (!response.ok) return answer(await serverError(response), true);
      const { stream, position, globalPosition } = await response.json();
      answer(`${response.status}: ${stream} at ${position}, global position ${globalPosition}`, false);
    } catch {
      answer(noAnswer(), true);
    }
  });
}

function append() {
  const version = byId('expected-version').value.trim();
  const query = version === '' ? '' : `?expectedVersion=${encodeURIComponent(version)}`;
  return fetch(`streams/${encodeURIComponent(byId('stream').value)}/messages${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // The data goes as it was written: parsed here, a long number would lose its last digits.
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

function answer(text, refused) {
  const output = byId('append-answer');
  output.textContent = text;
  output.classList.toggle('refused', refused);
}
