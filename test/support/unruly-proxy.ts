import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** Forwards an answer whose head was forwarded already. */
export type Manner = (answer: IncomingMessage, to: ServerResponse) => void;

/** An HTTP proxy that forwards some answers in unusual ways. Close it by `await using`. */
export class UnrulyProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  /** Listens on a free port. `mannerOf` is called with each request's path and query; undefined: forwards unchanged. */
  static async open(port: number, mannerOf: (path: string) => Manner | undefined): Promise<UnrulyProxy> {
    const server = createServer(({ url, method, headers }, to) => {
      const upstream = httpRequest({ port, host: '127.0.0.1', path: url, method, headers }, (answer) => {
        to.writeHead(answer.statusCode!, answer.headers).flushHeaders();
        const manner: Manner = mannerOf(url!) ?? ((all) => all.pipe(to));
        manner(answer, to);
      });
      upstream.on('error', () => to.destroy());
      to.on('close', () => upstream.destroy());
      upstream.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new UnrulyProxy(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

/** Forwards everything this many milliseconds after the head. */
export const held =
  (ms: number): Manner =>
  (answer, to) => {
    const timer = setTimeout(() => answer.pipe(to), ms);
    to.on('close', () => clearTimeout(timer));
  };

/** Holds this piece, counted from 0, until the next one arrives, and sends both together. */
export const collected =
  (kept: number): Manner =>
  (answer, to) => {
    let waiting = Buffer.alloc(0);
    let count = 0;
    answer.on('data', (piece: Buffer) => {
      const all = Buffer.concat([waiting, piece]);
      waiting = count++ === kept ? all : Buffer.alloc(0);
      if (waiting.length === 0) to.write(all);
    });
    answer.on('end', () => to.end());
  };

/** Sends its own comment after this many milliseconds, and cuts the stream this many later. */
export const cutAfterComment =
  (commentMs: number, cutMs: number): Manner =>
  (answer, to) => {
    answer.pipe(to);
    const comment = setTimeout(() => to.write(':\n\n'), commentMs);
    const cut = setTimeout(() => to.destroy(), commentMs + cutMs);
    to.on('close', () => {
      clearTimeout(comment);
      clearTimeout(cut);
    });
  };
