import { connect, type Socket } from 'node:net';
import { tagOf } from '../../src/sse/cursor.ts';
import { ResponseReader } from '../lib/response-reader.ts';

/** A received poke; `count` and `from` if it stands for several messages. */
export type Told = {
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly from?: number;
  readonly count?: number;
};

/** Parameters of a connection. */
export type Subscribing = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isFromElsewhere: boolean;
};

/** No hello arrived. */
export class NoHelloError extends Error {
  /** Whether a retry may succeed: the connection waited or broke, or the server has reached a limit. */
  readonly passes: boolean;

  constructor(message: string, status: number) {
    super(message);
    this.passes = passingStatuses.has(status);
  }
}

/** 0: no answer. 408: the system dropped packets because too many connections waited to be accepted, and they were resent too late. */
export const passingStatuses: ReadonlySet<number> = new Set([0, 408, 429, 503]);

/** A connection that sends nothing for this long, not even its hello, is a problem. */
const helloTimeoutMs = 30_000;

/** One event stream on a plain socket, which can stop reading and be reset at any byte. */
export class SoakConnection {
  readonly pokes: Told[] = [];
  /** Codes and reasons of the other events. */
  readonly resets: string[] = [];
  endCode: string | undefined = undefined;
  epoch = '';
  /** Where it starts, according to its hello's id; it receives later messages. */
  cursor = 0;
  lastEventId: string;
  /** The highest head in a heartbeat. */
  head = 0;
  isClosed = false;
  /** Whether this side closed it. */
  isCut = false;
  /** Whether its socket may have been full. */
  wasPaused = false;
  /** Whether it has a cursor of another log or, without one, another log's epoch. Known once the hello has arrived. */
  isFromElsewhere: boolean;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  /** The id it sent; empty: none. */
  readonly #claimed: string;
  #text = '';
  readonly #response = new ResponseReader((bytes, start, end) => {
    // Names are ASCII here.
    this.#text += bytes.toString('latin1', start, end);
  });
  #bytesToCut = Number.POSITIVE_INFINITY;
  #changed = Promise.withResolvers<void>();

  /** Opens it. Resolves when its hello has arrived; rejects with {@link NoHelloError} if it does not. */
  static async open(port: number, { path, headers, isFromElsewhere }: Subscribing): Promise<SoakConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    const connection = new SoakConnection(socket, headers['last-event-id'] ?? '', isFromElsewhere);
    const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}`);
    connection.#socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    const came = await connection.until(() => connection.epoch !== '', helloTimeoutMs);
    if (came) return connection;
    await connection.end();
    const { status } = connection.#response;
    throw new NoHelloError(`${path.slice(0, 200)}: no hello came: ${status} ${connection.#text.slice(0, 500)}`, status);
  }

  private constructor(socket: Socket, lastEventId: string, isFromElsewhere: boolean) {
    this.#socket = socket;
    this.isFromElsewhere = isFromElsewhere;
    this.lastEventId = lastEventId;
    this.#claimed = lastEventId;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
      resolve();
    });
  }

  /** Resolves to whether the condition became true before the socket ended or the time was over. */
  async until(isSo: () => boolean, timeoutMs: number): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => resolve('late'), timeoutMs);
    try {
      while (!isSo() && !this.isClosed)
        if ((await Promise.race([this.#changed.promise, late])) === 'late') return false;
      return isSo();
    } finally {
      clearTimeout(timer);
    }
  }

  pause(): void {
    this.wasPaused = true;
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  /** Reads this many more bytes, then resets the connection, usually in the middle of a frame. */
  async cutAfter(bytes: number, timeoutMs: number): Promise<void> {
    this.isCut = true;
    this.#bytesToCut = bytes;
    this.readOn();
    await this.until(() => false, bytes === 0 ? 0 : timeoutMs);
    this.#socket.resetAndDestroy();
    await this.closed;
  }

  /** Closes it normally. */
  async end(): Promise<void> {
    this.isCut = true;
    this.#socket.destroy();
    await this.closed;
  }

  #receive(received: Buffer): void {
    const bytes = received.subarray(0, this.#bytesToCut);
    this.#bytesToCut -= bytes.length;
    if (this.#bytesToCut === 0) this.#socket.resetAndDestroy();
    this.#response.push(bytes, 0, bytes.length);
    const blocks = this.#text.split('\n\n');
    this.#text = blocks.pop()!;
    for (const block of blocks) this.#interpret(block);
    this.#wake();
  }

  #interpret(block: string): void {
    let type = '';
    let data = '';
    let id: string | undefined;
    for (const line of block.split('\n')) {
      if (line.startsWith('event: ')) type = line.slice(7);
      else if (line.startsWith('data:')) data = line.slice(5);
      else if (line.startsWith('id:')) id = line.slice(3).trimStart();
    }
    this.lastEventId = id ?? this.lastEventId;
    if (data === '') return;
    const parsed = JSON.parse(data);
    if (type === 'poke') this.pokes.push(parsed);
    else if (type === 'hello') {
      this.epoch = parsed.epoch;
      if (this.#claimed !== '') this.isFromElsewhere = !this.#claimed.endsWith(`-${tagOf(this.epoch)}`);
      // Without an id it starts from the beginning.
      this.cursor = Number.parseInt(id ?? '0', 10);
    } else if (type === 'reset') this.resets.push(parsed.reason);
    else if (type === 'heartbeat') this.head = Math.max(this.head, parsed.head);
    else this.endCode = type === 'end' ? parsed.code : type;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
