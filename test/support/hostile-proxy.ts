import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The disturbance of one request. `undefined`: forwards it. */
export type Mischief =
  /** Cuts the answer off after this many bytes of its body. */
  | { readonly cutAfterBytes: number }
  /** Answers with this status. */
  | { readonly status: number }
  /** Accepts the request and never answers. */
  | { readonly stalls: 'head' | 'body' }
  /** Forwards each event this many times, and cuts the connection after this many received bytes. */
  | { readonly times: (event: string) => number; readonly cutAfterBytes?: number };

/** An HTTP proxy that disrupts event streams. Close it by `await using`. */
export class HostileProxy implements AsyncDisposable {
  readonly url: string;
  /** Number of requests. */
  requests = 0;
  /** Highest number of concurrent requests. */
  mostAtOnce = 0;
  #open = 0;
  readonly #server: Server;
  readonly #port: number;
  readonly #choose: (request: number) => Mischief | undefined;

  /** `choose` decides for each request, counted from 1. */
  static async open(port: number, choose: (request: number) => Mischief | undefined): Promise<HostileProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HostileProxy(server, port, choose);
  }

  private constructor(server: Server, port: number, choose: (request: number) => Mischief | undefined) {
    this.#server = server;
    this.#port = port;
    this.#choose = choose;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (asked, answer) => this.#serve(asked, answer));
  }

  /** Cuts all current requests. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(asked: IncomingMessage, answer: ServerResponse): void {
    const mischief = this.#choose(++this.requests);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#open);
    answer.on('close', () => this.#open--);
    if (mischief !== undefined && 'status' in mischief) {
      answer.writeHead(mischief.status, { 'content-type': 'text/html' }).end('<html>');
      return;
    }
    if (mischief !== undefined && 'stalls' in mischief) {
      if (mischief.stalls === 'body') answer.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      return;
    }
    const { method, url: path, headers } = asked;
    const far = request({ host: '127.0.0.1', port: this.#port, method, path, headers }, (told) => {
      answer.writeHead(told.statusCode!, told.headers).flushHeaders();
      const pass = mischief === undefined ? (bytes: Buffer) => void answer.write(bytes) : misuse(mischief, answer);
      told.on('data', pass);
      told.on('end', () => answer.end());
      told.on('error', () => answer.destroy());
    });
    far.on('error', () => answer.destroy());
    answer.on('close', () => far.destroy());
    asked.pipe(far);
  }
}

function misuse(mischief: Mischief, answer: ServerResponse): (bytes: Buffer) => void {
  const { times, cutAfterBytes = Number.POSITIVE_INFINITY } = mischief as Partial<
    Record<'times', (event: string) => number>
  > & { cutAfterBytes?: number };
  let left = cutAfterBytes;
  let rest = '';
  const write = (bytes: Buffer) => {
    if (times === undefined) {
      answer.write(bytes);
      return;
    }
    const events = (rest + bytes).split('\n\n');
    rest = events.pop()!;
    for (const event of events) answer.write(`${event}\n\n`.repeat(times(event)));
  };
  return (bytes) => {
    if (left < 0) return;
    write(bytes.subarray(0, left));
    left -= bytes.length;
    // Data already written is sent before the connection ends, without a last chunk.
    if (left > 0) return;
    answer.socket!.destroySoon();
    left = -1;
  };
}
