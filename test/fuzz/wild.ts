import type { Random } from '../support/random.ts';
import { mutate } from './values.ts';

/** How a wild connection ends on our side. */
export type Ending = 'finish' | 'reset' | 'wait';

/** Bytes that may not be a request, sent on their own connection. */
export type WildBytes = {
  /** `HEAD` if the bytes are a HEAD request, whose answer has no body; otherwise empty. */
  readonly method: string;
  readonly pieces: readonly Buffer[];
  readonly ending: Ending;
};

/** A valid append hidden behind an invalid frame. If a server accepted it, the log would show it. */
function smuggled(token: string): string {
  const body = '{"type":"Smuggled","data":{}}';
  return (
    `POST /streams/smuggled-1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** Frames that RFC 9112 (6.3, 7.1, 11.2) requires to be refused, and where a careless server sees their end. */
const badFrames: readonly string[] = [
  'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  'Content-Length: 0\r\nContent-Length: 5\r\n\r\n',
  'Content-Length: 0, 5\r\n\r\n',
  'Content-Length: +0\r\n\r\n',
  'Content-Length: -1\r\n\r\n',
  'Content-Length: 0x0\r\n\r\n',
  'Content-Length: 0 0\r\n\r\n',
  'Content-Length : 0\r\n\r\n',
  'Content-Length: 99999999999999999999\r\n\r\n',
  'Content-Length:\r\n\r\n',
  'Transfer-Encoding: identity, chunked\r\nContent-Length: 0\r\n\r\n',
  'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n',
  'X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n0\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n1\r\naa\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n',
  'X\0: y\r\nContent-Length: 0\r\n\r\n',
  'X: y\0\r\nContent-Length: 0\r\n\r\n',
  ': y\r\nContent-Length: 0\r\n\r\n',
  'X Y: z\r\nContent-Length: 0\r\n\r\n',
  'X: y\rContent-Length: 0\r\n\r\n',
];

/** Other protocols, or none. */
const strangers: readonly string[] = [
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\x04\x01\x00\x50\x7f\x00\x00\x01\x00',
  'EHLO localhost\r\nMAIL FROM:<a@b>\r\n',
  '*1\r\n$4\r\nPING\r\n',
  'GET /\r\n\r\n',
  'GET / HTTP/0.9\r\n\r\n',
  'GET / HTTP/2.0\r\nHost: localhost\r\n\r\n',
  'GET / HTTP/1.2\r\nHost: localhost\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'GET /health HTTP/1.1\nHost: x\n\n',
  'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'GET /health HTTP/1.1\r\nHost: a b/c\r\n\r\n',
  'GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n',
  'GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET //[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET \x01 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /streams/é HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'CONNECT /subscribe HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'get /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  '\r\n\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ' GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'GET /subscribe?all=true HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello',
  'GET /health HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n',
  'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: \r\nKeep-Alive: timeout=-1, max=NaN\r\n\r\n',
];

/** Generates the bytes of a wild connection. The token is for smuggled requests; `request` is one or several valid requests. */
export function wildBytes(random: Random, token: string, request: Buffer): WildBytes {
  const bytes = random.weighted<() => Buffer>([
    [4, () => mutate(random, request)],
    [2, () => random.bytes(random.int(1, 600))],
    [2, () => Buffer.concat([request, random.bytes(random.int(1, 60))])],
    [2, () => request.subarray(0, random.int(1, request.length))],
    [3, () => Buffer.from(random.pick(strangers), 'latin1')],
    [3, () => Buffer.from(badFrame(random, token), 'latin1')],
    [1, () => Buffer.from(tooMuch(random), 'latin1')],
    [1, () => request],
  ])();
  return {
    method: methodOf(bytes),
    pieces: cut(random, bytes),
    ending: random.weighted([
      [6, 'finish'],
      [4, 'reset'],
    ]),
  };
}

/** A request that stops in the middle and leaves the connection open, which the server must close. */
export function halfRequest(random: Random, request: Buffer): WildBytes {
  const bytes = request.subarray(0, random.int(1, request.length - 1));
  return { method: methodOf(bytes), pieces: cut(random, bytes), ending: 'wait' };
}

/** If the bytes contain several requests, they are the same. */
function methodOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, 5) === 'HEAD ' ? 'HEAD' : '';
}

/** Splits the bytes into pieces, which the server receives one by one. */
export function cut(random: Random, bytes: Buffer): Buffer[] {
  if (random.chance(0.6)) return [bytes];
  const pieces: Buffer[] = [];
  const most = random.pick([1, 20, 500, 5_000]);
  for (let at = 0; at < bytes.length; ) {
    // One by one only for a while, because each piece takes a turn.
    const until = pieces.length > 40 ? bytes.length : at + random.int(1, most);
    pieces.push(bytes.subarray(at, until));
    at = until;
  }
  return pieces;
}

function badFrame(random: Random, token: string): string {
  const line = random.pick([
    'POST /rpc',
    'POST /import',
    'POST /streams/a-1/messages',
    'GET /health',
    'DELETE /session',
  ]);
  const head = `${line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer ${token}\r\n`;
  return head + random.pick(badFrames) + smuggled(token);
}

function tooMuch(random: Random): string {
  const start = 'GET /health HTTP/1.1\r\nHost: localhost\r\n';
  return random.pick([
    `${start}X: ${'a'.repeat(random.int(7_000, 70_000))}\r\n\r\n`,
    `${start}${'a: b\r\n'.repeat(random.int(1_000, 5_000))}\r\n`,
    `${start}${'a'.repeat(70_000)}`,
    `GET /${'a'.repeat(random.int(7_000, 70_000))} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /health?${'a&'.repeat(30_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `${'A'.repeat(70_000)} / HTTP/1.1\r\n\r\n`,
    `${start}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(70_000)}`,
    `${start}Transfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(20_000)}`,
    `${start}\r\n`.repeat(200),
  ]);
}
