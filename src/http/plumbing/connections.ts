import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, errorStatuses, unansweredStatus } from '../../errors.ts';
import { answerClientError, codeOfClientError } from './error-handler.ts';
import { type Answer, type Deadlines, OpenConnection, type Overdue } from './open-connection.ts';

/** What connections need of the server. */
export type ConnectionsOptions = Deadlines & {
  /** Answers a request. It is given one of a connection at a time. */
  readonly answer: Answer;
  /** Told of a request whose answer did not leave whole, with the status that it stands for. */
  readonly broken: (response: ServerResponse, status: number) => void;
  /** Told of the status that was answered to bytes which are no request. */
  readonly refused: (status: number) => void;
};

/** Deadlines are looked at this often, which costs less than a timer for each. */
export const checkMs = 250;

/**
 * A longer gap between two checks is a stall of the process. It does not count against deadlines, because what peers sent
 * during it has not been read yet.
 */
const longestGapMs = 2 * checkMs;

/** The connections of the HTTP server, without those that were taken for event streams. Each has a deadline at all times. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, OpenConnection>();
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Time on the clock of deadlines, which stands still while the process is stalled; as of the last check. */
  #clockMs = 0;
  #checkedAtMs = performance.now();
  #isStopping = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Begins to look at the deadlines. */
  watch(): void {
    this.#timer ??= setInterval(() => this.#check(), checkMs).unref();
  }

  add(socket: Socket): void {
    const connection = new OpenConnection(socket, this.#nowMs, (request, response) => {
      if (this.#isStopping) response.setHeader('connection', 'close');
      this.#options.answer(request, response);
    });
    this.#open.set(socket, connection);
    // Also called for a socket that is taken: see take-socket.ts.
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

  /** For Node's `clientError`: bytes that are no request, too many, or too late. */
  refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || error.code === 'ECONNRESET') socket.destroy();
    else this.#refuse(codeOfClientError(error), socket, connection);
  }

  /** Ends those that work on no request, and the others behind the one that they work on. */
  stop(): void {
    this.#isStopping = true;
    const nowMs = this.#nowMs;
    for (const connection of this.#open.values()) if (connection.pending === undefined) connection.leave(nowMs);
  }

  /** Ends all, wherever they are. */
  cut(): void {
    for (const [socket, connection] of this.#open) {
      // An orderly end would pass for the end of the answer.
      if (connection.isUnframed) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Ends the watch. */
  close(): void {
    clearInterval(this.#timer);
  }

  #refuse(code: ErrorCode, socket: Socket, connection: OpenConnection): void {
    // What it goes on sending is no news, and to destroy the socket for it would take the answer along.
    if (connection.isLeaving) return;
    const { pending, isReceiving } = connection;
    // What is worked on came whole before these bytes, and is still answered.
    if (pending !== undefined && !isReceiving) {
      connection.endBehindAnswers();
      return;
    }
    // A response under way must not be continued with another one's head.
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
