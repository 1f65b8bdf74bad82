import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorStatuses, unansweredStatus } from '../../errors.ts';
import { answerClientError, codeOfClientError } from './error-handler.ts';
import { type Answer, type Deadlines, OpenConnection, type Overdue } from './open-connection.ts';

/** The functions of the server that connections use. */
export type ConnectionsOptions = Deadlines & {
  /** Answers a request. Called for one request of a connection at a time. */
  readonly answer: Answer;
  /** Called for a request whose answer was not sent completely, with the status to log. */
  readonly broken: (response: ServerResponse, status: number) => void;
  /** Called with the status sent in answer to bytes that are not a request. */
  readonly refused: (status: number) => void;
};

/** Interval between deadline checks. Cheaper than a timer per connection. */
export const checkMs = 250;

/**
 * A longer gap between two checks means that the process stalled. It does not count against deadlines, because what
 * peers sent in that time was not read yet.
 */
const longestGapMs = 2 * checkMs;

/** Connections of the HTTP server, except those taken over for event streams. Each always has a deadline. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, OpenConnection>();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Clock for deadlines, as of the last check. It stops while the process stalls. */
  #clockMs = 0;
  #checkedAtMs = performance.now();
  #isStopping = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Starts checking deadlines. */
  watch(): void {
    this.#timer ??= setInterval(() => this.#check(), checkMs).unref();
  }

  add(socket: Socket): void {
    const connection = new OpenConnection(socket, this.#nowMs, (request, response) => {
      if (this.#isStopping) response.setHeader('connection', 'close');
      this.#options.answer(request, response);
    });
    this.#open.set(socket, connection);
    // Also called when a socket is taken over: see take-socket.ts.
    socket.on('close', () => {
      this.#open.delete(socket);
      connection.forgetHeld();
      const { pending } = connection;
      if (pending !== undefined) this.#options.broken(pending, connection.refusedStatus ?? unansweredStatus);
    });
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    this.#open.get(request.socket)?.take(request, response);
  }

  /** Handler for Node's `clientError`: the bytes are not a request, exceed a limit, or arrived too late. */
  refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || error.code === 'ECONNRESET') socket.destroy();
    else this.#refuse(codeOfClientError(error), socket, connection);
  }

  /** Ends idle connections at once, and the others after their current request. */
  stop(): void {
    this.#isStopping = true;
    const nowMs = this.#nowMs;
    for (const connection of this.#open.values()) if (connection.pending === undefined) connection.leave(nowMs);
  }

  /** Ends all connections at once. */
  cut(): void {
    for (const [socket, connection] of this.#open) {
      // A regular close would look like the end of the answer.
      if (connection.isUnframed) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Stops checking deadlines. */
  close(): void {
    clearInterval(this.#timer);
  }

  #refuse(code: ErrorCode, socket: Socket, connection: OpenConnection): void {
    // The rest of its data is ignored: destroying the socket now would lose the answer.
    if (connection.isLeaving) return;
    const { pending, isReceiving } = connection;
    // The current request arrived completely before these bytes, and is still answered.
    if (pending !== undefined && !isReceiving) {
      connection.endBehindAnswers();
      return;
    }
    // A response that has started must not be followed by another head.
    const mayAnswer = pending === undefined ? socket.bytesWritten === 0 : !pending.headersSent;
    const status = errorStatuses[code];
    if (isReceiving) connection.refusedStatus = status;
    else if (mayAnswer && socket.bytesRead > 0) this.#options.refused(status);
    if (!mayAnswer) {
      socket.destroy();
      return;
    }
    connection.leave(this.#nowMs);
    answerClientError(code, socket);
  }

  get #nowMs(): number {
    return this.#clockMs + Math.min(performance.now() - this.#checkedAtMs, longestGapMs);
  }

  #check(): void {
    const nowMs = this.#nowMs;
    this.#clockMs = nowMs;
    this.#checkedAtMs = performance.now();
    for (const [socket, connection] of this.#open) {
      const overdue = connection.overdue(nowMs, this.#options);
      if (overdue !== undefined) this.#end(socket, connection, overdue);
    }
  }

  #end(socket: Socket, connection: OpenConnection, overdue: Overdue): void {
    switch (overdue) {
      case 'request':
        this.#refuse('REQUEST_TIMEOUT', socket, connection);
        return;
      case 'reader':
        socket.resetAndDestroy();
        return;
      case 'farewell':
        socket.destroy();
    }
  }
}
