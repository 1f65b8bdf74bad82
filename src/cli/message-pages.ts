import { ask, parseAnswer } from './ask.ts';
import type { ServerAddress } from './invocation.ts';
import { jsonElements } from './json-elements.ts';
import type { Selected } from './selected.ts';
import type { Terminal } from './terminal.ts';

/** A message as the server sent it, and what commands look at. */
export type SentMessage = {
  /** One line of JSON, digit by digit as it was written. */
  readonly json: string;
  readonly stream: string;
  readonly type: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly time: string;
  readonly metadata: unknown;
};

/** Messages of one request. It is held in memory, so one that pauses to read the output keeps no connection waiting. */
const pageMessages = 200;

/** Reads messages of one selection, in its order, by positions: those of a stream in it, else global ones. */
export class MessagePages {
  readonly #server: ServerAddress;
  readonly #terminal: Terminal;
  readonly #selected: Selected;

  constructor(server: ServerAddress, terminal: Terminal, selected: Selected) {
    this.#server = server;
    this.#terminal = terminal;
    this.#selected = selected;
  }

  /** Where a message stands, and behind it the next one. */
  positionOf({ position, globalPosition }: SentMessage): number {
    return this.#selected.kind === 'stream' ? position : globalPosition;
  }

  /** Pages from a position up to the end as it is then; each has a message at least. */
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

  /** Position from which on there are the last so many messages, or all where there are fewer. */
  async startOfLast(count: number): Promise<number> {
    const last = await this.#lastPosition();
    if (last === undefined) return 0;
    if (count === 0) return last + 1;
    // What is selected may lie far apart, so look further and further back.
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

  /** Position of the first message that is not older; behind the last one where all are. Times rise with positions. */
  async startSince(timeMs: number): Promise<number> {
    return this.#search((message) => Date.parse(message.time) >= timeMs);
  }

  async #lastPosition(): Promise<number | undefined> {
    const behind = await this.#search(() => false);
    return behind === 0 ? undefined : behind - 1;
  }

  /**
   * The least position at or behind which the first message is wanted, or there is none: by doubling, then by halving, so that it
   * takes twice as many reads of one message as the position has binary digits.
   */
  async #search(isWanted: (message: SentMessage) => boolean): Promise<number> {
    // Everything before `low` is not wanted; at `high` it is.
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

/** `/rpc` sends a message as an array, for the whole namespace. */
function fromRpc(element: string): string {
  const [id, stream, type, position, globalPosition, data, metadata, time] = jsonElements(element);
  return `{"id":${id},"stream":${stream},"type":${type},"position":${position},"globalPosition":${globalPosition},"data":${data},"metadata":${metadata},"time":${time}}`;
}
