import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Connections, type ConnectionsOptions } from './connections.ts';
import { GatheringRequest } from './gathering-request.ts';
import { ListenError } from './listen-error.ts';

/** Options for every connection, before there is a request. */
export type ListenerOptions = ConnectionsOptions & {
  readonly headerLimitBytes: number;
  /** Called for each failure to accept a connection. Without a handler, Node would end the process. */
  readonly failed: (error: Error) => void;
};

/** A connection idle between two requests is closed after this time. */
export const keepAliveTimeoutMs = 72_000;

/** How long running requests may continue when the server stops. */
export const closeGraceMs = 10_000;

/**
 * Length of the accept queue; the system caps it at its own limit (`net.core.somaxconn`). When the queue is full
 * (Node's default is 511), the system drops packets, and clients wait seconds before they retransmit.
 */
const maxWaitingConnections = 4_096;
const tcpKeepAliveMs = 60_000;
const closeStepMs = 10;

/** Listening sockets: one per address, two for `localhost`. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #servers: HttpServer[] = [];
  readonly #connections: Connections;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
  }

  /**
   * Listens and returns the URLs; rejects with {@link ListenError}. `localhost` means both loopback addresses, or one
   * on a machine without IPv6.
   */
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

  /** Stops accepting connections. Open ones may finish. */
  stopAccepting(): void {
    for (const server of this.#servers) server.close();
  }

  /** Resolves when all connections are closed; cuts those still busy after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#connections.stop();
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    // Kept-alive connections are closed once they are idle.
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
        // Node stops these checks when it closes, and reports a late request only once: see open-connection.ts.
        requestTimeout: 0,
        headersTimeout: 0,
        maxHeaderSize: this.#options.headerLimitBytes,
        // Node's own error has no body.
        requireHostHeader: false,
        keepAliveTimeout: keepAliveTimeoutMs,
        // Detects peers that are gone even if nothing is sent to them, for example without heartbeats.
        keepAlive: true,
        keepAliveInitialDelay: tcpKeepAliveMs,
      },
      take,
    );
    server.on('connection', (socket) => connections.add(socket));
    server.on('clientError', (error, socket) => connections.refuse(error, socket as Socket));
    // Node would send an empty 417, not our error format; RFC 9110 (10.1.1) permits ignoring unknown expectations.
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
