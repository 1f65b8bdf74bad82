import { ask, parseAnswer } from './ask.ts';
import type { ServerAddress } from './invocation.ts';
import { jsonElements } from './json-elements.ts';
import type { Selected } from './selected.ts';
import type { Terminal } from './terminal.ts';

/** A message as the server sent it, with the fields that commands read. */
export type SentMessage = {
  /** One line of JSON with all its digits, also those a JavaScript number cannot hold. */
  readonly json: string;
  readonly stream: string;
  readonly type: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly time: string;
  readonly metadata: unknown;
};

/** Messages per request. A page is held in memory, so that a slow reader of the output blocks no connection. */
const pageMessages = 200;

/** Pages through one selection in order: a stream by its positions, everything else by global positions. */
export class MessagePages {
  readonly #server: ServerAddress;
  readonly #terminal: Terminal;
  readonly #selected: Selected;

  constructor(server: ServerAddress, terminal: Terminal, selected: Selected) {
    this.#server = server;
    this.#terminal = terminal;
    this.#selected = selected;
  }

  /** Position of a message in this selection; the next page starts after it. */
  positionOf({ position, globalPosition }: SentMessage): number {
    return this.#selected.kind === 'stream' ? position : globalPosition;
  }

  /** Yields pages from a position to the end of the log. No page is empty. */
  async *from(position: number, limit = Number.POSITIVE_INFINITY): AsyncGenerator<readonly SentMessage[], void> {
    let next = position;
    for (let left = limit; left > 0; ) {
      const size = Math.min(left, pageMessages);
      const page = await this.#read(next, size);
      if (page.length > 0) yield page;
      if (page.length < size) return;
      left -= page.length;
      next = this.positionOf(page.at(-1)!) + 1;
    }
  }

  /** Position of the first of the last `count` messages, or 0 if there are fewer. */
  async startOfLast(count: number): Promise<number> {
    const last = await this.#lastPosition();
    if (last === undefined) return 0;
    if (count === 0) return last + 1;
    // The selected messages may be sparse, so the window is widened until it holds enough.
    for (let back = count; ; back *= 8) {
      const start = Math.max(0, last - back + 1);
      let positions: number[] = [];
      for await (const page of this.from(start)) {
        for (const message of page) positions.push(this.positionOf(message));
        if (positions.length >= 2 * count) positions = positions.slice(-count);
      }
      if (positions.length >= count || start === 0) return positions.at(-count) ?? positions[0] ?? 0;
    }
  }

  /** Position of the first message at or after this time, or after the last one. Relies on times that increase with positions. */
  async startSince(timeMs: number): Promise<number> {
    return this.#search((message) => Date.parse(message.time) >= timeMs);
  }

  async #lastPosition(): Promise<number | undefined> {
    const behind = await this.#search(() => false);
    return behind === 0 ? undefined : behind - 1;
  }

  /**
   * Finds the first position whose message is wanted, or the end of the log, by galloping and then binary search: at
   * most two reads of one message for each binary digit of the result.
   */
  async #search(isWanted: (message: SentMessage) => boolean): Promise<number> {
    // Invariant: nothing before `low` is wanted, and everything at or after `high` is.
    let low = 0;
    let high = Number.POSITIVE_INFINITY;
    while (low < high) {
      const middle = high === Number.POSITIVE_INFINITY ? low * 2 + (low === 0 ? 0 : 1) : Math.floor((low + high) / 2);
      const [message] = await this.#read(middle, 1);
      if (message === undefined || isWanted(message)) high = middle;
      else low = this.positionOf(message) + 1;
    }
    return low;
  }

  async #read(position: number, batchSize: number): Promise<SentMessage[]> {
    const selected = this.#selected;
    if (selected.kind === 'all') {
      const body = JSON.stringify(['category.get', '', { position, batchSize }]);
      const text = await ask(this.#server, this.#terminal, { method: 'POST', path: 'rpc', body });
      parseAnswer(text, Array.isArray);
      return jsonElements(text).map((element) => readMessage(fromRpc(element)));
    }
    const folder = selected.kind === 'stream' ? 'streams' : 'categories';
    const path = `${folder}/${encodeURIComponent(selected.name)}/messages`;
    const query = { position: String(position), batchSize: String(batchSize) };
    const text = await ask(this.#server, this.#terminal, { method: 'GET', path, query });
    parseAnswer(text, Array.isArray);
    return jsonElements(text).map(readMessage);
  }
}

function readMessage(json: string): SentMessage {
  const message = parseAnswer<SentMessage>(
    json,
    ({ stream, position, globalPosition }) =>
      typeof stream === 'string' && Number.isSafeInteger(globalPosition) && Number.isSafeInteger(position),
  );
  return { ...message, json };
}

/** Names the elements of an `/rpc` message, which is an array. */
function fromRpc(element: string): string {
  const [id, stream, type, position, globalPosition, data, metadata, time] = jsonElements(element);
  return `{"id":${id},"stream":${stream},"type":${type},"position":${position},"globalPosition":${globalPosition},"data":${data},"metadata":${metadata},"time":${time}}`;
}
