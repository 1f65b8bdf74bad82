import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** Passes an answer on, in its own manner; the head was passed on already. */
export type Manner = (answer: IncomingMessage, to: ServerResponse) => void;

/** An HTTP proxy that passes some answers on in manners of its own. Close it by `await using`. */
export class UnrulyProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  /** Listens on a free port. `mannerOf` is asked with the path and query of every request; undefined: as they come. */
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

/** Passes everything on so many milliseconds after the head. */
export const held =
  (ms: number): Manner =>
  (answer, to) => {
    const timer = setTimeout(() => answer.pipe(to), ms);
    to.on('close', () => clearTimeout(timer));
  };

/** Keeps this piece, counted from 0, until the next one comes, and sends both as one. */
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

/** Sends a comment of its own after so many milliseconds, and cuts the stream so many later. */
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
