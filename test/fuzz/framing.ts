import type { Random } from '../support/random.ts';
import type { Route } from '../support/routes.ts';
import type { HostKind, OddHost } from './hosts.ts';

export type Header = readonly [name: string, value: string];

/** A request with its bytes. */
export type FuzzRequest = {
  readonly method: string;
  /** As in the request line. */
  readonly target: string;
  readonly bytes: Buffer;
  /** The route it is for; undefined: its path or method was changed, so any answer may be right. */
  readonly route: Route | undefined;
  /** Its `X-Request-Id`, which the answer echoes; undefined: another or none. */
  readonly id: string | undefined;
  readonly host: HostKind;
  /** Whether it may be refused before parsing, or asks to close the connection. */
  readonly mayClose: boolean;
};

export type RequestParts = Pick<FuzzRequest, 'method' | 'target' | 'route'> & {
  readonly headers: readonly Header[];
  readonly body: Buffer | undefined;
  readonly host?: OddHost;
};

/** Longer heads may exceed the limit of fuzzed servers, 8 KiB. */
const safeHeadBytes = 7_000;

/** Headers that may close the connection. */
const closing = /^(connection|upgrade|expect)$/i;

const usualHost: OddHost = { kind: 'local', lines: [['Host', 'localhost']] };

/** Assembles a request, with a length or in chunks. */
export function requestOf(
  random: Random,
  { method, target, route, host = usualHost, headers, body }: RequestParts,
): FuzzRequest {
  const id = headers.some(([name]) => /^x-request-id$/i.test(name)) ? undefined : `r${random.int(0, 999_999_999)}`;
  const lines = [`${method} ${target} HTTP/1.1`];
  for (const [name, value] of [...host.lines, ...headers]) lines.push(`${name}: ${value}`);
  if (id !== undefined) lines.push(`X-Request-Id: ${id}`);
  const inChunks = body !== undefined && random.chance(0.25);
  if (inChunks) lines.push('Transfer-Encoding: chunked');
  else if (body !== undefined) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const framed = inChunks ? chunked(random, body) : (body ?? Buffer.alloc(0));
  return {
    method,
    target,
    bytes: Buffer.concat([head, framed]),
    route,
    id,
    host: host.kind,
    mayClose:
      host !== usualHost ||
      head.length > safeHeadBytes ||
      !target.startsWith('/') ||
      headers.some(([name]) => closing.test(name)),
  };
}

/** Encoding a body with one chunk per byte makes it six times as long. */
const maxBytesOneByOne = 2_000;

/** The body in chunks, split at random places, at one, or between all bytes; some have an extension or trailers. */
export function chunked(random: Random, body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  const isByByte = body.length <= maxBytesOneByOne && random.chance(0.1);
  const onlyCut = random.chance(0.3) ? random.int(1, Math.max(1, body.length - 1)) : undefined;
  for (let at = 0; at < body.length; ) {
    const length = isByByte ? 1 : (onlyCut ?? random.pick([1, 3, 100, 5_000, 70_000]));
    const until = at > 0 && onlyCut !== undefined && !isByByte ? body.length : Math.min(body.length, at + length);
    const size = (until - at).toString(16);
    const line = random.pick([size, size.toUpperCase(), `00${size}`, `${size};a=b`, `${size};q="x"`]);
    pieces.push(Buffer.from(`${line}\r\n`), body.subarray(at, until), Buffer.from('\r\n'));
    at = until;
  }
  const trailers = random.chance(0.1) ? 'X-Trailer: a\r\nAuthorization: Bearer x\r\n__proto__: b\r\n' : '';
  return Buffer.concat([...pieces, Buffer.from(`0\r\n${trailers}\r\n`)]);
}

const unreserved = /[A-Za-z0-9._~-]/;

/** Percent-encodes the UTF-8 of a text; with `probability` also what needs no encoding. */
export function encodeOddly(random: Random, text: string, probability = 0.02): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (unreserved.test(character) && !random.chance(probability)) return character;
      const hex = byte.toString(16).padStart(2, '0');
      return `%${random.chance(0.5) ? hex : hex.toUpperCase()}`;
    })
    .join('');
}

/** A text as bytes, including lone surrogates and raw bytes. */
export function bodyOf(text: string): Buffer {
  return Buffer.from(text);
}
