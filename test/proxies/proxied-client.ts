import { type EventEmitter, once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { expect } from 'vitest';
import { positionIn } from '../support/cursors.ts';
import { EventStreamParser, type ReceivedPoke } from '../support/sse-client.ts';

export type ProxiedOptions = {
  readonly headers?: Readonly<Record<string, string>>;
  /** The certificate to trust; the URL then uses https. */
  readonly ca?: string;
  /** Uses HTTP/2. */
  readonly http2?: boolean;
  /** Source address of the connection. */
  readonly localAddress?: string;
};

/** A subscriber with support for chunks, compression, TLS and HTTP/2, like most programs. Close it by `await using`. */
export class ProxiedClient implements AsyncDisposable {
  readonly parser = new EventStreamParser();
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Resolves at the end of the stream, however it ends. */
  readonly ended: Promise<void>;
  isEnded = false;
  readonly #end: () => void;
  readonly #waiting = new Set<() => void>();

  static async connect(url: string, options: ProxiedOptions = {}): Promise<ProxiedClient> {
    const headers = { accept: 'text/event-stream', ...options.headers };
    if (options.http2) return ProxiedClient.#overHttp2(url, headers, options.ca!);
    const open = options.ca === undefined ? request : requestTls;
    const { ca, localAddress } = options;
    const asked = open(url, { headers, agent: false, ...(ca && { ca }), ...(localAddress && { localAddress }) }).end();
    const [response] = await once(asked, 'response');
    endsQuietly(asked);
    return new ProxiedClient(response.statusCode, response.headers, response, () => asked.destroy());
  }

  static async #overHttp2(url: string, headers: Record<string, string>, ca: string): Promise<ProxiedClient> {
    const { origin, pathname, search } = new URL(url);
    const session: ClientHttp2Session = connectHttp2(origin, { ca });
    const stream = session.request({ ':path': pathname + search, ...headers });
    endsQuietly(session);
    const [answer] = await once(stream, 'response');
    stream.on('close', () => session.close());
    // Cancels only the stream, because the connection may carry others.
    return new ProxiedClient(Number(answer[':status']), answer, stream, () => stream.close(8));
  }

  private constructor(status: number, headers: IncomingHttpHeaders, body: Readable, end: () => void) {
    this.status = status;
    this.headers = headers;
    this.#end = end;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    const note = () => {
      this.isEnded = true;
      resolve();
      this.#wake();
    };
    const plain = headers['content-encoding'] === 'gzip' ? body.pipe(createGunzip()) : body;
    plain.on('data', (bytes: Buffer) => {
      this.parser.push(bytes);
      this.#wake();
    });
    // For HTTP, a premature end of the stream is an error.
    for (const stream of new Set([body, plain])) stream.on('error', note).on('close', note);
  }

  /** Pokes received. */
  get pokes(): readonly ReceivedPoke[] {
    return this.parser.events.map(({ data, lastEventId }) => ({ ...JSON.parse(data), id: lastEventId }));
  }

  /** The ids of the pokes, as numbers. */
  get ids(): number[] {
    return this.parser.events.map(({ lastEventId }) => positionIn(lastEventId)!);
  }

  /** Resolves when the predicate holds, which is checked after each piece; rejects if the stream ends before that. */
  async until(predicate: (parser: EventStreamParser) => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (predicate(this.parser)) resolve();
      else if (this.isEnded) reject(new Error(`the stream ended after ${this.parser.events.length} events`));
    };
    this.#waiting.add(look);
    look();
    await promise.finally(() => this.#waiting.delete(look));
  }

  /** Resolves when the greeting has arrived. */
  async untilReady(): Promise<void> {
    expect(this.status).toBe(200);
    await this.until(({ comments }) => comments.includes(' ready'));
  }

  /** Closes it like a client that exits. */
  async close(): Promise<void> {
    this.#end();
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isEnded) await this.close();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Sends a POST over TLS to a server with this certificate. */
export async function postOverTls(url: string, body: string, ca: string): Promise<{ status: number; text: string }> {
  const asked = requestTls(url, { method: 'POST', ca, agent: false }).end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  endsQuietly(asked);
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return { status: response.statusCode!, text };
}

/**
 * Ignores errors of a connection that a proxy resets after its answer ended, because they would end the test run. While
 * an answer is in progress, its stream reports the same error.
 */
function endsQuietly(connection: EventEmitter): void {
  connection.on('error', () => {});
}
