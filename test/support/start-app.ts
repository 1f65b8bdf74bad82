import { pino } from 'pino';
import { type App, type AppOptions, startApp } from '../../src/app.ts';
import { parseCommand } from '../../src/read-config.ts';

/** An answer: `body` is parsed if it is JSON, `text` is verbatim. */
export type Answer = {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any;
  readonly text: string;
  readonly headers: Headers;
};

/** A server in this process on a free port, with short calls for tests. Close it by `await using`. */
export type TestApp = App &
  AsyncDisposable & {
    readonly url: string;
    readonly port: number;
    /** Sends a POST to the stream. A string or buffer is sent verbatim, anything else as JSON; `query` without `?`. */
    append(stream: string, body: unknown, query?: string): Promise<Answer>;
    /** Sends a GET for a path with its query. */
    get(path: string): Promise<Answer>;
  };

/** Starts the server with these flags, without logging. */
export async function startTestApp(
  flags: readonly string[] = [],
  options: Partial<Pick<AppOptions, 'openStore' | 'memory' | 'log'>> = {},
): Promise<TestApp> {
  // Tests run in the same process, and may block it. Their raw requests name the host x.
  const defaults = {
    POKEWIRE_PORT: '0',
    POKEWIRE_HOST: '127.0.0.1',
    POKEWIRE_MAX_EVENT_LOOP_DELAY_MS: '0',
    POKEWIRE_ALLOWED_HOSTS: 'x',
  };
  const command = parseCommand(flags, defaults);
  if (command.run !== 'serve') throw new TypeError(`the flags ask for ${command.run}`);
  const app = await startApp({ config: command.config, log: pino({ level: 'silent' }), memory: process, ...options });
  const url = app.urls[0]!;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= app.close();
    return closing;
  };
  return {
    ...app,
    url,
    port: Number(new URL(url).port),
    close,
    append: (stream, body, query = '') =>
      ask(`${url}/streams/${encodeURIComponent(stream)}/messages${query === '' ? '' : `?${query}`}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body:
          typeof body === 'string' || Buffer.isBuffer(body) ? new Uint8Array(Buffer.from(body)) : JSON.stringify(body),
      }),
    get: (path) => ask(url + path),
    [Symbol.asyncDispose]: close,
  };
}

async function ask(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    body: isJson && text !== '' ? JSON.parse(text) : text,
    text,
    headers: response.headers,
  };
}
