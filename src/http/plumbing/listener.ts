import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Connections, type ConnectionsOptions } from './connections.ts';
import { GatheringRequest } from './gathering-request.ts';
import { ListenError } from './listen-error.ts';

/** What holds for every connection, before there is a request. */
export type ListenerOptions = ConnectionsOptions & {
  readonly headerLimitBytes: number;
  /** Told of each failure to accept a connection; without anybody to tell, Node would end the process. */
  readonly failed: (error: Error) => void;
};

/** A connection between two requests is closed after so long. */
export const keepAliveTimeoutMs = 72_000;

/** Requests that are still running when the server stops have this long. */
export const closeGraceMs = 10_000;

/**
 * Connections that may wait to be accepted; the system caps it at its own limit (`net.core.somaxconn`). Once the queue is full
 * (Node asks for 511) the system drops packets, and clients wait seconds before they send them again.
 */
const maxWaitingConnections = 4_096;
const tcpKeepAliveMs = 60_000;
const closeStepMs = 10;

/** The sockets that accept requests: one for an address, two for `localhost`. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #servers: HttpServer[] = [];
  readonly #connections: Connections;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
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
      // Otherwise the addresses that did open would keep serving after a failed start.
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
    this.#connections.stop();
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    // A connection that is kept alive ends when it is found idle.
    const idle = setInterval(() => {
      for (const server of this.#servers) server.closeIdleConnections();
    }, closeStepMs);
    const cut = setTimeout(() => this.#connections.cut(), graceMs);
    await Promise.all(closed);
    clearInterval(idle);
    clearTimeout(cut);
    this.#connections.close();
  }

  async #open(host: string, port: number): Promise<string> {
    const connections = this.#connections;
    const take = (request: IncomingMessage, response: ServerResponse) => connections.take(request, response);
    const server = createServer(
      {
        IncomingMessage: GatheringRequest,
        // Node forgets these when it stops, and tells of a late request once: see open-connection.ts.
        requestTimeout: 0,
        headersTimeout: 0,
        maxHeaderSize: this.#options.headerLimitBytes,
        // Node's own refusal has no body.
        requireHostHeader: false,
        keepAliveTimeout: keepAliveTimeoutMs,
        // Finds peers that are gone although nothing is sent to them, as with heartbeats switched off.
        keepAlive: true,
        keepAliveInitialDelay: tcpKeepAliveMs,
      },
      take,
    );
    server.on('connection', (socket) => connections.add(socket));
    server.on('clientError', (error, socket) => connections.refuse(error, socket as Socket));
    // Node would answer an empty 417, in none of our shapes; RFC 9110 (10.1.1) lets us pass over what we do not know.
    server.on('checkExpectation', take);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(host, port, error)));
      server.listen({ host, port, backlog: maxWaitingConnections }, resolve);
    });
    connections.watch();
    server.removeAllListeners('error').on('error', this.#options.failed);
    this.#servers.push(server);
    const { address, port: bound, family } = server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
  }
}
