import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { errorBody, invalid } from '../../errors.ts';
import { answerClientError, jsonType } from './error-handler.ts';
import { GatheringRequest } from './gathering-request.ts';
import { ListenError } from './listen-error.ts';
import type { RequestHandler } from './server.ts';

/** What holds for every connection, before there is a request. */
export type ListenerOptions = {
  /** A request must have arrived within this time; 0: no limit. */
  readonly requestTimeoutMs: number;
  readonly headerLimitBytes: number;
  /** Told of each failure to accept a connection; without anybody to tell, Node would end the process. */
  readonly failed: (error: Error) => void;
};

/** How often late requests are looked for, at most; Node's own 30 s would let them take twice their time. */
const longestCheckMs = 5_000;
const keepAliveTimeoutMs = 72_000;
const tcpKeepAliveMs = 60_000;
const closeStepMs = 10;

/** The sockets that accept requests: one for an address, two for `localhost`. */
export class Listener {
  readonly #handle: RequestHandler;
  readonly #options: ListenerOptions;
  readonly #servers: HttpServer[] = [];
  /** Connections of HTTP/1.0, whose answers have neither length nor chunks. */
  readonly #unframed = new Set<Socket>();

  constructor(handle: RequestHandler, options: ListenerOptions) {
    this.#handle = handle;
    this.#options = options;
  }

  /** Listens and returns the URLs; rejects with {@link ListenError}. `localhost` means both loopback addresses; a machine without IPv6 has one. */
  async listen(host: string, port: number): Promise<string[]> {
    if (host !== 'localhost') return [await this.#open(host, port)];
    const first = await this.#open('127.0.0.1', port);
    try {
      return [first, await this.#open('::1', Number(new URL(first).port))];
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(code)) return [first];
      // Half a start would go on serving, although it is said to have failed.
      await this.close(0);
      throw error;
    }
  }

  /** Accepts no more connections; those open may finish. */
  stopAccepting(): void {
    for (const server of this.#servers) server.close();
  }

  /** Resolves when all connections are gone; cuts those that are still busy after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    // A connection that is kept alive ends when it is found idle.
    const idle = setInterval(() => {
      for (const server of this.#servers) server.closeIdleConnections();
    }, closeStepMs);
    const cut = setTimeout(() => {
      // An orderly end would pass for the end of the answer.
      for (const socket of this.#unframed) socket.resetAndDestroy();
      for (const server of this.#servers) server.closeAllConnections();
    }, graceMs);
    await Promise.all(closed);
    clearInterval(idle);
    clearTimeout(cut);
  }

  async #open(host: string, port: number): Promise<string> {
    const { requestTimeoutMs, headerLimitBytes } = this.#options;
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      if (request.httpVersion === '1.0') this.#noteUnframed(request.socket);
      if (request.httpVersion === '1.1' && request.headers.host === undefined) refuseWithoutHost(response);
      else this.#handle(request, response);
    };
    const server = createServer(
      {
        IncomingMessage: GatheringRequest,
        requestTimeout: requestTimeoutMs,
        headersTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.ceil(Math.min(longestCheckMs, requestTimeoutMs / 4 || longestCheckMs)),
        maxHeaderSize: headerLimitBytes,
        // Node's own refusal has no body.
        requireHostHeader: false,
        keepAliveTimeout: keepAliveTimeoutMs,
        // Finds peers that are gone although nothing is sent to them, as with heartbeats switched off.
        keepAlive: true,
        keepAliveInitialDelay: tcpKeepAliveMs,
      },
      handle,
    );
    server.on('clientError', answerClientError);
    // Node would answer an empty 417, in none of our shapes; RFC 9110 (10.1.1) lets us pass over what we do not know.
    server.on('checkExpectation', handle);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(host, port, error)));
      server.listen({ host, port }, resolve);
    });
    server.removeAllListeners('error').on('error', this.#options.failed);
    this.#servers.push(server);
    const { address, port: bound, family } = server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
  }

  #noteUnframed(socket: Socket): void {
    if (this.#unframed.has(socket)) return;
    this.#unframed.add(socket);
    socket.once('close', () => this.#unframed.delete(socket));
  }
}

/** RFC 9112, section 3.2. */
function refuseWithoutHost(response: ServerResponse): void {
  const error = invalid('Host', 'is missing, and HTTP/1.1 needs it');
  response.writeHead(error.status, { 'content-type': jsonType, connection: 'close' }).end(errorBody(error));
}
