import { afterEach, beforeEach, vi } from 'vitest';

const encoder = new TextEncoder();

/** A request from the client, and the test's answer. */
export class ScriptedRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | undefined;
  readonly answered: Promise<Response>;
  isAborted = false;
  readonly #settle: { resolve(response: Response): void; reject(reason: unknown): void };
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;

  constructor(url: string, init: RequestInit) {
    this.url = new URL(url);
    this.method = init.method ?? 'GET';
    this.headers = new Headers(init.headers);
    this.body = init.body as string | undefined;
    const { promise, ...settle } = Promise.withResolvers<Response>();
    this.answered = promise;
    this.#settle = settle;
    init.signal?.addEventListener('abort', () => {
      this.isAborted = true;
      settle.reject(init.signal?.reason);
      this.#stream?.error(init.signal?.reason);
      this.#stream = undefined;
    });
  }

  get query(): Record<string, string> {
    return Object.fromEntries(this.url.searchParams);
  }

  /** Answers with JSON. */
  async json(status: number, body: unknown, headers: Record<string, string> = {}): Promise<void> {
    this.#settle.resolve(Response.json(body, { status, headers }));
    await settle();
  }

  /** Answers with an error of the server. */
  refuse(status: number, code: string, headers: Record<string, string> = {}): Promise<void> {
    return this.json(status, { error: { code, message: code } }, headers);
  }

  /** Answers with an HTML page, like a proxy. */
  async page(status: number, headers: Record<string, string> = {}): Promise<void> {
    this.#settle.resolve(new Response('<html>', { status, headers: { 'content-type': 'text/html', ...headers } }));
    await settle();
  }

  /** Fails without an answer. */
  async fail(): Promise<void> {
    this.#settle.reject(new TypeError('fetch failed'));
    await settle();
  }

  /** Starts an event stream with this text. */
  async open(text = ''): Promise<this> {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
      },
    });
    this.#settle.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } }));
    await this.send(text);
    return this;
  }

  /** Sends a piece of the stream. */
  async send(text: string): Promise<void> {
    if (text !== '') this.#stream!.enqueue(encoder.encode(text));
    await settle();
  }

  /** Ends the stream with its last chunk. */
  async end(): Promise<void> {
    this.#stream?.close();
    this.#stream = undefined;
    await settle();
  }

  /** Cuts the stream off. */
  async cut(): Promise<void> {
    this.#stream?.error(new TypeError('terminated'));
    this.#stream = undefined;
    await settle();
  }
}

/** Gives each test of a file a fake clock, and back-off its smallest jitter. */
export function useFakeClock(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
}

/** Runs everything that is due without any time passing. Requires fake timers. */
export async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

/** A server with answers from the test, one request at a time. */
export class ScriptedServer {
  readonly requests: ScriptedRequest[] = [];
  readonly fetch = ((url: string, init: RequestInit = {}) => {
    const request = new ScriptedRequest(url, init);
    this.requests.push(request);
    return request.answered;
  }) as typeof fetch;

  /** The request with this number; the test fails if there are fewer. */
  nth(count: number): ScriptedRequest {
    if (this.requests.length !== count) throw new Error(`${this.requests.length} requests were made, not ${count}`);
    return this.requests.at(-1)!;
  }
}

/** Frames of a server with this log. */
export function framesOf(epoch: string) {
  const tag = epoch.slice(0, 4);
  return {
    hello: (head: number, at?: number) =>
      `: ready\nretry: 3000\nevent: hello\n${at === undefined ? '' : `id: ${at}-${tag}\n`}data:${JSON.stringify({ epoch, head, forgottenUpTo: 0 })}\n\n`,
    poke: (stream: string, position: number, globalPosition: number) =>
      `event: poke\ndata: ${JSON.stringify({ stream, position, globalPosition })}\nid: ${globalPosition}-${tag}\n\n`,
    /** `count`: pokes of this connection so far. */
    heartbeat: (head: number, count = 0, at = head) =>
      `event: heartbeat\nid: ${at}-${tag}\ndata:${JSON.stringify({ epoch, head, count })}\n\n`,
    reset: (reason: string, lost: object, replayFrom = 1) =>
      `event: reset\ndata:${JSON.stringify({ reason, epoch, head: 0, lost, replayFrom })}\nid: ${replayFrom - 1}-${tag}\n\n`,
    end: (code: string) => `event: end\ndata:{"code":"${code}"}\n\n`,
  };
}
