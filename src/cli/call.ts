import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ServerAddress } from './invocation.ts';
import { printable } from './printable.ts';
import { readUpTo } from './read-up-to.ts';
import { CliError, type Terminal } from './terminal.ts';

/** A request in flight, whose body the caller writes. */
export type Call = {
  readonly request: ClientRequest;
  /** Resolves for a 2xx status. Rejects with {@link CliError}, or {@link RefusedError} with the server's sentence. */
  readonly response: Promise<IncomingMessage>;
};

/** The server answered with a status other than 2xx. */
export class RefusedError extends CliError {
  readonly status: number;

  constructor(status: number, sentence?: string) {
    super(`The server answered ${status}${sentence === undefined ? '.' : `: ${sentence}`}`);
    this.status = status;
  }
}

/** Longer than any refusal of Pokewire. Other servers may send any amount, for any length of time. */
const maxRefusalBytes = 65_536;
const refusalTimeoutMs = 10_000;

export type CallOptions = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Relative to the server's address, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly bodyType?: string | undefined;
};

/** Starts a request. */
export function call(
  { url, token }: ServerAddress,
  { interrupted: signal }: Terminal,
  { method, path, query = {}, bodyType }: CallOptions,
): Call {
  const target = new URL(path, url);
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value);
  const headers = {
    ...(token !== '' && { authorization: `Bearer ${token}` }),
    ...(bodyType !== undefined && { 'content-type': bodyType }),
  };
  const request = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
    method,
    headers,
    signal,
  });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('error', (error: NodeJS.ErrnoException) => reject(new CliError(describe(error, url))));
    request.on('response', (answer) => {
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) resolve(answer);
      else refusalOf(answer).then(reject, () => reject(new RefusedError(statusCode)));
    });
  });
  return { request, response };
}

async function refusalOf(answer: IncomingMessage): Promise<RefusedError> {
  const body = await startOf(answer);
  return new RefusedError(answer.statusCode ?? 0, sentenceOf(body) ?? 'It may not be Pokewire.');
}

/** Reads the start of the body. Drops the connection if there is more, or if it takes too long. */
async function startOf(answer: IncomingMessage): Promise<string> {
  const timer = setTimeout(() => answer.destroy(), refusalTimeoutMs);
  try {
    return (await readUpTo(maxRefusalBytes, answer)).text;
  } finally {
    clearTimeout(timer);
  }
}

function sentenceOf(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body, printable) as { error?: { code?: unknown; message?: unknown } };
    if (typeof error?.message !== 'string') return undefined;
    // The server's own sentence is about headers and browsers.
    const sentence = error.code === 'AUTH_REQUIRED' ? 'Pass --token, or set POKEWIRE_TOKEN.' : error.message;
    return `${sentence} (${error.code})`;
  } catch {
    return undefined;
  }
}

function describe({ code, message }: NodeJS.ErrnoException, url: URL): string {
  const reason = code === undefined ? undefined : reasons[code];
  return `Cannot reach ${url.origin}: ${reason ?? (message || code)}.`;
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOTFOUND: 'the host is unknown',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
};
