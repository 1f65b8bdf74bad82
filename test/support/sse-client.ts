import { connect, type Socket } from 'node:net';
import { ChunkDecoder } from './chunks.ts';

/** One dispatched event, as in the HTML standard. */
export type StreamEvent = { readonly type: string; readonly data: string; readonly lastEventId: string };

/** A received poke. `id`: the event's id as text, see `positionIn`. */
export type ReceivedPoke = {
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly id: string;
};

/** The head of the response. Header names are in lower case. */
export type ResponseHead = {
  readonly statusLine: string;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
};

/** Parses an event stream by the HTML standard (9.2.6 "Interpreting an event stream"), in pieces of any size. */
export class EventStreamParser {
  /** Dispatched events. */
  readonly events: StreamEvent[] = [];
  /** Comments, without the colon. */
  readonly comments: string[] = [];
  /** Names of fields that the standard requires to ignore. */
  readonly unknownFields: string[] = [];
  /** The last reconnection time, undefined before the first. */
  retry: number | undefined = undefined;
  /** The last event id. */
  lastEventId = '';
  // Strips one leading byte order mark, and replaces invalid bytes by U+FFFD.
  readonly #decoder = new TextDecoder('utf-8');
  #line = '';
  #afterCarriageReturn = false;
  #data = '';
  #type = '';
  #id = '';

  push(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return;
    let from = this.#afterCarriageReturn && text[0] === '\n' ? 1 : 0;
    this.#afterCarriageReturn = text.endsWith('\r');
    let lineFeed = text.indexOf('\n', from);
    let carriageReturn = text.indexOf('\r', from);
    while (lineFeed !== -1 || carriageReturn !== -1) {
      const isLineFeed = carriageReturn === -1 || (lineFeed !== -1 && lineFeed < carriageReturn);
      const end = isLineFeed ? lineFeed : carriageReturn;
      const line = this.#line + text.slice(from, end);
      this.#line = '';
      from = end + (!isLineFeed && lineFeed === end + 1 ? 2 : 1);
      // Each is searched for once, because the tests parse hundreds of megabytes.
      if (lineFeed !== -1 && lineFeed < from) lineFeed = text.indexOf('\n', from);
      if (!isLineFeed) carriageReturn = text.indexOf('\r', from);
      this.#interpret(line);
    }
    this.#line += text.slice(from);
  }

  #interpret(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      this.comments.push(line.slice(1));
      return;
    }
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data += `${value}\n`;
    else if (name === 'id') this.#id = value.includes('\0') ? this.#id : value;
    else if (name !== 'retry') this.unknownFields.push(name);
    else if (/^[0-9]+$/.test(value)) this.retry = Number(value);
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    const data = this.#data.slice(0, -1);
    const isEmpty = this.#data === '';
    const type = this.#type === '' ? 'message' : this.#type;
    this.#data = '';
    this.#type = '';
    if (!isEmpty) this.events.push({ type, data, lastEventId: this.lastEventId });
  }
}

export type ConnectOptions = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly host?: string;
  readonly httpVersion?: '1.0' | '1.1';
  /** With `text/event-stream`, errors are sent as streams too. */
  readonly accept?: string;
};

/** Deadline for anything that must happen; the error names what was awaited. */
const deadlineMs = 60_000;

/** A subscriber on a raw socket, which sees every byte and can stop reading. Close it by `await using`. */
export class SseClient implements AsyncDisposable {
  /** Resolves when the socket has ended, to the error if there was one. */
  readonly closed: Promise<Error | undefined>;
  /** Whether the socket has ended. */
  isClosed = false;
  /** Bytes received, with the head and the framing of the body. */
  received = 0;
  /** Pokes received. */
  readonly pokes: ReceivedPoke[] = [];
  readonly parser = new EventStreamParser();
  /** The body's framing; undefined if it has none. */
  framing: ChunkDecoder | undefined = undefined;
  readonly #socket: Socket;
  #head: ResponseHead | undefined = undefined;
  #headBytes: Buffer = Buffer.alloc(0);
  #chunks: Buffer[] = [];
  #eventsRead = 0;
  #bytesToCut = Number.POSITIVE_INFINITY;
  readonly #waiting = new Set<() => void>();

  /** Sends the request and resolves when the response head has arrived. `port` may be a URL. */
  static async connect(port: number, pathAndQuery: string, options: ConnectOptions = {}): Promise<SseClient> {
    const {
      headers = {},
      method = 'GET',
      host = '127.0.0.1',
      httpVersion = '1.1',
      accept = 'text/event-stream',
    } = options;
    const client = new SseClient(connect({ port, host }));
    const lines = [`${method} ${pathAndQuery} HTTP/${httpVersion}`, `Host: ${host}:${port}`, `Accept: ${accept}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    client.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await client.waitFor(() => client.#head !== undefined, 'the head of the response');
    return client;
  }

  /** Like {@link connect}, and resolves when the subscription has begun: what is appended from now on is received. */
  static async subscribe(port: number, pathAndQuery: string, options?: ConnectOptions): Promise<SseClient> {
    const client = await SseClient.connect(port, pathAndQuery, options);
    await client.waitFor(({ comments }) => comments.includes(' ready'), 'the greeting');
    return client;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    let failure: Error | undefined;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      this.isClosed = true;
      resolve(failure);
      this.#wake();
    });
  }

  /** Status line and headers. */
  get head(): ResponseHead {
    if (this.#head === undefined) throw new TypeError('there is no head yet');
    return this.#head;
  }

  /** The body so far, without its framing. */
  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  /** Whether the body ended properly; without framing it never does. */
  get isComplete(): boolean {
    return this.framing?.isComplete === true;
  }

  /** Events of every type, in order. */
  get events(): readonly StreamEvent[] {
    return this.parser.events;
  }

  /** Comments, without the colon. */
  get comments(): readonly string[] {
    return this.parser.comments;
  }

  /** The last reconnection time, undefined before the first. */
  get retry(): number | undefined {
    return this.parser.retry;
  }

  /** Resolves when there are at least `count` pokes; rejects if the socket ends before that. */
  async waitForPokes(count: number): Promise<readonly ReceivedPoke[]> {
    await this.waitFor(() => this.pokes.length >= count, `${count} pokes`);
    return this.pokes;
  }

  /** Resolves when the predicate holds, which is checked after each piece of data; rejects if the socket ends before that. */
  async waitFor(predicate: (client: this) => boolean, what = 'what the test expects'): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (why: string) =>
      reject(new Error(`${why} before ${what} came; ${this.pokes.length} pokes and ${this.bytes.length} bytes did`));
    const look = () => {
      if (predicate(this)) resolve();
      else if (this.isClosed) failed('the socket ended');
    };
    const deadline = setTimeout(() => failed(`${deadlineMs} ms passed`), deadlineMs);
    this.#waiting.add(look);
    try {
      look();
      await promise;
    } finally {
      this.#waiting.delete(look);
      clearTimeout(deadline);
    }
  }

  /** Stops reading: further data fills the kernel's buffers, then the server's. */
  pause(): void {
    this.#socket.pause();
  }

  /** Resumes reading. */
  resume(): void {
    this.#socket.resume();
  }

  /** Drops the socket at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Takes this many more bytes, then resets the connection, usually in the middle of a frame. */
  cutAfter(bytes: number): void {
    this.#bytesToCut = bytes;
    if (bytes === 0) this.#socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
    await this.closed;
  }

  #receive(received: Buffer): void {
    const bytes = received.subarray(0, this.#bytesToCut);
    this.received += bytes.length;
    this.#bytesToCut -= bytes.length;
    if (this.#bytesToCut === 0) this.#socket.resetAndDestroy();
    if (this.#head !== undefined) this.#receiveBody(bytes);
    else {
      this.#headBytes = Buffer.concat([this.#headBytes, bytes]);
      const end = this.#headBytes.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.#head = parseHead(this.#headBytes.toString('latin1', 0, end));
      if (this.#head.headers.get('transfer-encoding') === 'chunked') this.framing = new ChunkDecoder();
      if (end + 4 < this.#headBytes.length) this.#receiveBody(this.#headBytes.subarray(end + 4));
    }
    this.#wake();
  }

  #receiveBody(received: Buffer): void {
    const bytes = this.framing?.push(received) ?? received;
    this.#chunks.push(bytes);
    this.parser.push(bytes);
    for (; this.#eventsRead < this.parser.events.length; this.#eventsRead++) {
      const { type, data, lastEventId } = this.parser.events[this.#eventsRead]!;
      if (type === 'poke') this.pokes.push({ ...JSON.parse(data), id: lastEventId });
    }
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  return { statusLine, status, headers };
}
