import { byId } from '../common/element.js';
import { jsonParts, parseVerbatim } from '../common/json-text.js';
import { noAnswer, serverError } from '../common/server-error.js';

let latest = 0;

/** Reads one message and shows it as it is stored. */
export async function showMessage(stream, position) {
  const asked = ++latest;
  const parts = await read(stream, position);
  // The answer to an earlier click may come after that of a later one.
  if (asked !== latest) return;
  byId('message-title').textContent = `${stream} at ${position}`;
  byId('message-text').replaceChildren(...parts);
  byId('message').hidden = false;
}

async function read(stream, position) {
  try {
    const response = await fetch(`streams/${encodeURIComponent(stream)}/messages?position=${position}&batchSize=1`);
    if (!response.ok) return [await serverError(response)];
    const [message] = parseVerbatim(await response.text());
    return message === undefined ? ['The message is not there any more.'] : jsonParts(message);
  } catch {
    return [noAnswer()];
  }
}
