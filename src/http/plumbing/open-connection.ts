import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Internal state of a socket in Node's HTTP server, by which it pauses and resumes reading. */
type HttpSocket = Socket & {
  _paused: boolean;
  parser: { pause(): void; resume(): void; onIncoming: unknown } | null;
  readonly _handle: { readonly writeQueueSize: number } | null;
};

/** Deadlines of every connection; 0: none. */
export type Deadlines = {
  /** A request must arrive within this time. */
  readonly requestTimeoutMs: number;
  /** A reader that accepts nothing of its answer for this time is cut off. */
  readonly stallTimeoutMs: number;
};

/**
 * - `awaiting`: waiting for a request head, since the connection opened or since the first byte after an answer
 * - `working`: processing a request, whose body may still arrive
 * - `draining`: answered, while the rest of the request is read and dropped
 * - `idle`: kept alive; Node closes it
 * - `leaving`: refused, and closed within a second
 */
type Phase = 'awaiting' | 'working' | 'draining' | 'idle' | 'leaving';

/** Which deadline has passed: for a request, for reading an answer, or for leaving after an error. */
export type Overdue = 'request' | 'reader' | 'farewell';

/** Answers a request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Maximum number of pipelined requests waiting for the current one. */
export const maxHeldRequests = 100;

/** How long a client that got an error before it sent its whole request has to read it. */
export const farewellMs = 1_000;

/** Tells Node's parser to stop in the middle of a packet. */
const stopParsing = 2;

const unhurried = new WeakSet<Socket>();

/** Sets whether the socket's request may take as long as it makes progress, as an import does. */
export function takeItsTime(socket: Socket, mayTakeTime: boolean): void {
  if (mayTakeTime) unhurried.add(socket);
  else unhurried.delete(socket);
}

/** One connection of the HTTP server: its current request, those that wait, and its deadline. */
export class OpenConnection {
  /** Status of an error that was written instead of the pending response. */
  refusedStatus: number | undefined = undefined;
  readonly #socket: HttpSocket;
  readonly #answer: Answer;
  #phase: Phase = 'awaiting';
  /** `Infinity`: since the next check, so that a request answered by then needs no clock. */
  #sinceMs: number;
  #request: IncomingMessage | undefined = undefined;
  #response: ServerResponse | undefined = undefined;
  #held: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  #endsBehindAnswers = false;
  /** Set once too many requests are waiting; no more are accepted. */
  #isFull = false;
  #bytesRead = 0;
  #bytesWritten = 0;
  #bytesWaiting = 0;
  #stalledSinceMs: number | undefined = undefined;

  constructor(socket: Socket, nowMs: number, answer: Answer) {
    this.#socket = socket as HttpSocket;
    this.#sinceMs = nowMs;
    this.#answer = answer;
  }

  /** The response not yet sent completely; undefined: none, or its socket was taken over for an event stream. */
  get pending(): ServerResponse | undefined {
    const response = this.#response;
    return response === undefined || response.socket === null || response.writableFinished ? undefined : response;
  }

  /** Whether the current request has not arrived completely. */
  get isReceiving(): boolean {
    return this.pending !== undefined && !this.#request!.complete;
  }

  /** Whether its answer has neither a length nor chunks. */
  get isUnframed(): boolean {
    return this.#request?.httpVersion === '1.0';
  }

  get isLeaving(): boolean {
    return this.#phase === 'leaving';
  }

  /** Processes the request, or holds it until those before it are answered. */
  take(request: IncomingMessage, response: ServerResponse): void {
    // The request arrived after the connection was refused.
    if (!this.#socket.writable) return;
    if (response.socket === this.#socket) this.#begin(request, response);
    else this.#hold(request, response);
  }

  /** From now on the peer has a second to read its answer. */
  leave(nowMs: number): void {
    if (this.isLeaving) return;
    this.#phase = 'leaving';
    this.#sinceMs = nowMs;
  }

  /** Ends the connection after answering what has arrived so far. */
  endBehindAnswers(): void {
    if (this.#endsBehindAnswers) return;
    this.#endsBehindAnswers = true;
    const last = this.#held.at(-1)?.response ?? this.pending;
    last?.once('finish', () => this.#socket.destroySoon());
  }

  /** The deadline that has passed, if any. Call several times a second. */
  overdue(nowMs: number, { requestTimeoutMs, stallTimeoutMs }: Deadlines): Overdue | undefined {
    if (this.#isStalled(nowMs, stallTimeoutMs)) return 'reader';
    this.#settle(nowMs);
    const elapsedMs = nowMs - this.#sinceMs;
    const isLate = requestTimeoutMs > 0 && elapsedMs >= requestTimeoutMs;
    switch (this.#phase) {
      case 'awaiting':
        return isLate ? 'request' : undefined;
      case 'working':
        return isLate && !this.#request!.complete && !unhurried.has(this.#socket) ? 'request' : undefined;
      case 'draining':
        return isLate || (this.#isRefused && elapsedMs >= farewellMs) ? 'farewell' : undefined;
      case 'leaving':
        return elapsedMs >= farewellMs ? 'farewell' : undefined;
      case 'idle':
        return undefined;
    }
  }

  /** Drops waiting requests, none of which was started. */
  forgetHeld(): void {
    this.#held = [];
  }

  get #isRefused(): boolean {
    return this.#response!.statusCode >= 400;
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    this.#phase = 'working';
    this.#sinceMs = Number.POSITIVE_INFINITY;
    this.#request = request;
    this.#response = response;
    this.#answer(request, response);
  }

  #hold(request: IncomingMessage, response: ServerResponse): void {
    if (this.#held.length === maxHeldRequests) {
      this.#dropFrom(request);
      return;
    }
    const socket = this.#socket;
    this.#held.push({ request, response });
    if (this.#held.length === 1) {
      this.#response!.once('finish', this.#next);
      // Node resumes reading whenever the socket has drained.
      if (!socket.listeners('drain').includes(this.#drained)) socket.on('drain', this.#drained);
    }
    // As Node does for a full socket: this also pauses the parser, after the packet it is parsing.
    socket._paused = true;
    socket.pause();
  }

  /**
   * Accepts neither this request nor later ones, and ends the connection after the last waiting one, which is complete
   * because this one follows it.
   */
  #dropFrom(request: IncomingMessage): void {
    const socket = this.#socket;
    // The header tells the client that later requests were not processed. They are still read and dropped, because
    // closing a socket with unread bytes resets it, which loses answers.
    this.#held.at(-1)!.response.setHeader('connection', 'close');
    request.resume();
    socket.parser!.onIncoming = () => stopParsing;
    this.#isFull = true;
    socket._paused = false;
    socket.resume();
  }

  readonly #next = (): void => {
    const next = this.#held.shift();
    // The response has no socket if the one before it ended the connection.
    if (next === undefined || next.response.socket !== this.#socket) return;
    if (this.#held.length > 0) next.response.once('finish', this.#next);
    else this.#readOn();
    this.#begin(next.request, next.response);
  };

  readonly #drained = (): void => {
    if (this.#held.length === 0 || this.#isFull) return;
    this.#socket._paused = true;
    this.#socket.pause();
    this.#socket.parser?.pause();
  };

  #readOn(): void {
    this.#socket._paused = false;
    this.#socket.parser?.resume();
    this.#socket.resume();
  }

  /** Call when an answer was sent, the rest of its request arrived, or another request starts. */
  #settle(nowMs: number): void {
    const { bytesRead } = this.#socket;
    if (this.#sinceMs === Number.POSITIVE_INFINITY) this.#sinceMs = nowMs;
    if (this.#phase === 'working' && this.pending === undefined) {
      this.#phase = 'draining';
      this.#sinceMs = nowMs;
    }
    if (this.#phase === 'draining' && this.#request!.complete) {
      this.#phase = 'idle';
      this.#request = undefined;
      this.#response = undefined;
      this.#bytesRead = bytesRead;
    }
    if (this.#phase === 'idle' && bytesRead !== this.#bytesRead) {
      this.#phase = 'awaiting';
      this.#sinceMs = nowMs;
    }
  }

  /** Whether the kernel has accepted none of the pending bytes for this time, regardless of what the peer sends. */
  #isStalled(nowMs: number, stallTimeoutMs: number): boolean {
    const { bytesWritten, writableLength } = this.#socket;
    if (writableLength === 0) {
      this.#stalledSinceMs = undefined;
      return false;
    }
    // Node reports a large write only as a whole, while the kernel takes it piece by piece.
    const waiting = this.#socket._handle?.writeQueueSize ?? 0;
    const hasMoved = bytesWritten !== this.#bytesWritten || waiting !== this.#bytesWaiting;
    this.#bytesWritten = bytesWritten;
    this.#bytesWaiting = waiting;
    if (hasMoved) this.#stalledSinceMs = nowMs;
    this.#stalledSinceMs ??= nowMs;
    return stallTimeoutMs > 0 && nowMs - this.#stalledSinceMs >= stallTimeoutMs;
  }
}
