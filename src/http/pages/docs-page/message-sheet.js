import { copyText } from '../common/curl-line.js';
import { byId } from '../common/element.js';
import { milliTime, number } from '../common/format.js';
import { elementsOf, jsonParts } from '../common/json-text.js';
import { hashOf } from '../common/place.js';
import { noAnswer, serverError } from '../common/server-error.js';

/** A poke later than this was not live, so its latency is meaningless. */
const longestLatencyMs = 10_000;

/** Shows the message of a poke next to the list. */
export class MessageSheet {
  #sheet = byId('message');
  #asked = 0;
  #closed;

  /** `step(rows)` moves to another row of the list; `closed(byKey)` is called when the sheet is closed. */
  constructor({ step, closed }) {
    this.#closed = closed;
    // It scrolls, so it must be reachable by keyboard.
    Object.assign(byId('message-text'), { tabIndex: 0, role: 'region', ariaLabel: 'Message as JSON' });
    byId('message-newer').addEventListener('click', () => step(-1));
    byId('message-older').addEventListener('click', () => step(1));
    byId('message-copy').addEventListener('click', ({ target }) => copyText(target, byId('message-text')));
    byId('message-close').addEventListener('click', ({ detail }) => this.close(detail === 0));
    this.#sheet.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.close(true);
    });
  }

  /** Reads the message of a poke and shows it as stored. */
  async show(poke) {
    const asked = ++this.#asked;
    const { message, problem } = await read(poke);
    // The answer to an earlier click may arrive after that of a later one, or after the sheet was closed.
    if (asked !== this.#asked) return;
    const title = `${poke.stream} at ${number(poke.position)}`;
    byId('message-title').textContent = title;
    byId('message-facts').textContent = message === undefined ? '' : factsOf(JSON.parse(message), poke);
    byId('message-text').replaceChildren(...(problem === undefined ? jsonParts(message) : [problem]));
    byId('message-stream').href = `browse${hashOf(poke.stream, poke.position)}`;
    // Screen readers announce only this.
    byId('message-said').textContent = title;
    this.#sheet.hidden = false;
  }

  /** Returns false if it was not open. */
  close(byKey) {
    this.#asked++;
    if (this.#sheet.hidden) return false;
    this.#sheet.hidden = true;
    this.#closed(byKey);
    return true;
  }
}

async function read({ stream, position }) {
  try {
    const response = await fetch(`streams/${encodeURIComponent(stream)}/messages?position=${position}&batchSize=1`);
    if (!response.ok) return { problem: await serverError(response) };
    const [message] = elementsOf(await response.text());
    return message === undefined ? { problem: 'This message no longer exists.' } : { message };
  } catch {
    return { problem: noAnswer() };
  }
}

/** When the message was stored, and the latency of its poke, by the server's clock. */
function factsOf({ type, time }, { at, clockOffsetMs }) {
  const latencyMs = Math.max(0, at.getTime() + clockOffsetMs - Date.parse(time));
  const latency = latencyMs > longestLatencyMs ? '' : `, poked +${number(latencyMs)} ms`;
  return `${type} · stored ${milliTime(new Date(time))}${latency}`;
}
