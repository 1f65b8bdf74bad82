import { byId, element } from './element.js';
import { noAnswer, serverError } from './server-error.js';

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
    const [message] = JSON.parse(await response.text(), keepNumber);
    return message === undefined ? ['The message is not there any more.'] : colour(JSON.stringify(message, null, 2));
  } catch {
    return [noAnswer()];
  }
}

/** Numbers stay as they are written, also those that JavaScript cannot hold. */
function keepNumber(_key, value, context) {
  return typeof value === 'number' && JSON.rawJSON !== undefined ? JSON.rawJSON(context.source) : value;
}

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

/** JSON as spans, a class for each kind of token. */
function colour(json) {
  const parts = [];
  let end = 0;
  for (const match of json.matchAll(token)) {
    const [text, string, colon = ''] = match;
    const kind = string === undefined ? 'literal' : colon === '' ? 'string' : 'key';
    parts.push(json.slice(end, match.index), element('span', { className: kind }, string ?? text), colon);
    end = match.index + text.length;
  }
  return [...parts, json.slice(end)];
}
