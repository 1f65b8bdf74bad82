import { copyText } from '../common/curl-line.js';
import { byId } from '../common/element.js';
import { milliTime, number } from '../common/format.js';
import { elementsOf, jsonParts } from '../common/json-text.js';
import { hashOf } from '../common/place.js';
import { noAnswer, serverError } from '../common/server-error.js';

/** A poke that comes later than this was not live, so how late it came says nothing. */
const longestLatencyMs = 10_000;

/** The message that a poke is of, beside the list. */
export class MessageSheet {
  #sheet = byId('message');
  #asked = 0;
  #closed;

  /** `step(rows)` goes on to another row of the list; `closed(byKey)` is told when nothing is read any more. */
  constructor({ step, closed }) {
    this.#closed = closed;
    // It scrolls, so the keyboard must reach it.
    Object.assign(byId('message-text'), { tabIndex: 0, role: 'region', ariaLabel: 'Message as JSON' });
    byId('message-newer').addEventListener('click', () => step(-1));
    byId('message-older').addEventListener('click', () => step(1));
    byId('message-copy').addEventListener('click', ({ target }) => copyText(target, byId('message-text')));
    byId('message-close').addEventListener('click', ({ detail }) => this.close(detail === 0));
    this.#sheet.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape') this.close(true);
    });
  }

  /** Reads the message of a poke and shows it as it is stored. */
  async show(poke) {
    const asked = ++this.#asked;
    const { message, problem } = await read(poke);
    // The answer to an earlier click may come after that of a later one, or after the sheet was closed.
    if (asked !== this.#asked) return;
    const title = `${poke.stream} at ${number(poke.position)}`;
    byId('message-title').textContent = title;
    byId('message-facts').textContent = message === undefined ? '' : factsOf(JSON.parse(message), poke);
    byId('message-text').replaceChildren(...(problem === undefined ? jsonParts(message) : [problem]));
    byId('message-stream').href = `browse${hashOf(poke.stream, poke.position)}`;
    // Only this is read out.
    byId('message-said').textContent = title;
    this.#sheet.hidden = false;
  }

  /** False: it was not open. */
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
    return message === undefined ? { problem: 'The message is gone.' } : { message };
  } catch {
    return { problem: noAnswer() };
  }
}

/** When it was stored and how long its poke took, by the clock of the server. */
function factsOf({ type, time }, { at, clockOffsetMs }) {
  const latencyMs = Math.max(0, at.getTime() + clockOffsetMs - Date.parse(time));
  const latency = latencyMs > longestLatencyMs ? '' : `, poked +${number(latencyMs)} ms`;
  return `${type} · stored ${milliTime(new Date(time))}${latency}`;
}
