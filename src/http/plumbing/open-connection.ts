import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What Node's HTTP server keeps on a socket that it reads; it stops and goes on reading by these. */
type HttpSocket = Socket & {
  _paused: boolean;
  parser: { pause(): void; resume(): void; onIncoming: unknown } | null;
  readonly _handle: { readonly writeQueueSize: number } | null;
};

/** The deadlines of every connection; 0: none. */
export type Deadlines = {
  /** A request must have arrived within this time. */
  readonly requestTimeoutMs: number;
  /** A reader that takes nothing of its answer for so long is cut off. */
  readonly stallTimeoutMs: number;
};

/**
 * - `awaiting`: the head of a request; from the connection's begin, or from the first byte behind an answer
 * - `working`: on a request, whose body may still arrive
 * - `draining`: answered, while the rest of the request is still read and dropped
 * - `idle`: kept alive; Node closes it
 * - `leaving`: refused, and gone in a second
 */
type Phase = 'awaiting' | 'working' | 'draining' | 'idle' | 'leaving';

/** What has run out: the time for a request, for reading an answer, or for leaving after a refusal. */
export type Overdue = 'request' | 'reader' | 'farewell';

/** Answers a request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Pipelined requests that may wait behind the one that is worked on. */
export const maxHeldRequests = 100;

/** Whoever is answered an error, and has not sent all of the request, has this long to read it. */
export const farewellMs = 1_000;

/** What Node's parser is answered when it is to stop in the middle of a packet. */
const stopParsing = 2;

const unhurried = new WeakSet<Socket>();

/** Whether the socket's request may take as long as it goes on; an import does. */
export function takeItsTime(socket: Socket, mayTakeTime: boolean): void {
  if (mayTakeTime) unhurried.add(socket);
  else unhurried.delete(socket);
}

/** One connection of the HTTP server: the request it works on, those that wait behind it, and its deadline. */
export class OpenConnection {
  /** Status of a refusal that was written in place of the pending response. */
  refusedStatus: number | undefined = undefined;
  readonly #socket: HttpSocket;
  readonly #answer: Answer;
  #phase: Phase = 'awaiting';
  /** `Infinity`: since the next look, so that a request whose answer has left by then reads no clock. */
  #sinceMs: number;
  #request: IncomingMessage | undefined = undefined;
  #response: ServerResponse | undefined = undefined;
  #held: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  #endsBehindAnswers = false;
  /** More requests came than may wait; no more are taken. */
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

  /** The response that has not left whole; undefined: none, or its socket was taken for an event stream. */
  get pending(): ServerResponse | undefined {
    const response = this.#response;
    return response === undefined || response.socket === null || response.writableFinished ? undefined : response;
  }

  /** Whether the request that is worked on has not arrived whole. */
  get isReceiving(): boolean {
    return this.pending !== undefined && !this.#request!.complete;
  }

  /** Whether its answer has neither length nor chunks. */
  get isUnframed(): boolean {
    return this.#request?.httpVersion === '1.0';
  }

  get isLeaving(): boolean {
    return this.#phase === 'leaving';
  }

  /** Works on the request, or holds it back until those before it are answered. */
  take(request: IncomingMessage, response: ServerResponse): void {
    // It came after its refusal.
    if (!this.#socket.writable) return;
    if (response.socket === this.#socket) this.#begin(request, response);
    else this.#hold(request, response);
  }

  /** From now on the peer has a second to read what it was answered. */
  leave(nowMs: number): void {
    if (this.isLeaving) return;
    this.#phase = 'leaving';
    this.#sinceMs = nowMs;
  }

  /** Ends the connection behind the answers to what came until now. */
  endBehindAnswers(): void {
    if (this.#endsBehindAnswers) return;
    this.#endsBehindAnswers = true;
    const last = this.#held.at(-1)?.response ?? this.pending;
    last?.once('finish', () => this.#socket.destroySoon());
  }

  /** What has run out; undefined: nothing. To be asked every fraction of a second. */
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

  /** Forgets the requests that wait. Nobody has worked on them. */
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
      // Node reads on whenever the socket has drained.
      if (!socket.listeners('drain').includes(this.#drained)) socket.on('drain', this.#drained);
    }
    // As Node does it for a full socket: it pauses the parser too, behind the packet that it parses now.
    socket._paused = true;
    socket.pause();
  }

  /** Takes no request from this one on, and ends the connection after the last that waits, which is complete, since this one follows it. */
  #dropFrom(request: IncomingMessage): void {
    const socket = this.#socket;
    // The header tells the client that later requests were not done. They are still read and dropped, because closing a socket
    // with unread bytes resets it, and the reset takes answers along.
    this.#held.at(-1)!.response.setHeader('connection', 'close');
    request.resume();
    socket.parser!.onIncoming = () => stopParsing;
    this.#isFull = true;
    socket._paused = false;
    socket.resume();
  }

  readonly #next = (): void => {
    const next = this.#held.shift();
    // The response has no socket where the one before it has ended the connection.
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

  /** Notes that an answer has left, that the rest of its request came, or that another request begins. */
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

  /** Whether the kernel has accepted none of the waiting bytes for this time, whatever the peer sends meanwhile. */
  #isStalled(nowMs: number, stallTimeoutMs: number): boolean {
    const { bytesWritten, writableLength } = this.#socket;
    if (writableLength === 0) {
      this.#stalledSinceMs = undefined;
      return false;
    }
    // A large piece waits until all of it was taken, while the kernel takes it bit by bit.
    const waiting = this.#socket._handle?.writeQueueSize ?? 0;
    const hasMoved = bytesWritten !== this.#bytesWritten || waiting !== this.#bytesWaiting;
    this.#bytesWritten = bytesWritten;
    this.#bytesWaiting = waiting;
    if (hasMoved) this.#stalledSinceMs = nowMs;
    this.#stalledSinceMs ??= nowMs;
    return stallTimeoutMs > 0 && nowMs - this.#stalledSinceMs >= stallTimeoutMs;
  }
}
