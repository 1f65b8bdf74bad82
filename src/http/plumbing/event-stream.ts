import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Framing } from '../../sse/connection.ts';

/** Headers of every endless event stream. */
export const eventStreamHeaders = {
  // The standard knows no other charset, and without it some clients read Latin-1.
  'content-type': 'text/event-stream; charset=utf-8',
  // EventoDB's clients expect `no-cache` first.
  'cache-control': 'no-cache, no-store, no-transform',
  // Tells nginx not to buffer the stream.
  'x-accel-buffering': 'no',
};

// Not `close`: undici would then treat a chunked body that was cut off as complete. The connection cannot be used after
// a stream anyway, and the time-out keeps clients from sending another request on it.
const connectionHeaders: Readonly<Record<Framing, Readonly<Record<string, string>>>> = {
  chunked: { 'transfer-encoding': 'chunked', connection: 'keep-alive', 'keep-alive': 'timeout=1' },
  plain: { connection: 'close' },
};

/** Framing of the answer to this request: HTTP/1.0 has no chunks. */
export function framingOf(request: IncomingMessage): Framing {
  return request.httpVersion === '1.0' ? 'plain' : 'chunked';
}

/** Whether the client accepts an event stream, also as an error response. */
export function acceptsEventStream({ headers }: FastifyRequest): boolean {
  return headers.accept?.toLowerCase().includes('text/event-stream') === true;
}

/** Header lines already checked; most answers have the same ones. */
const validLines = new Set<string>();
const maxValidLines = 64;

const fixedLines: Readonly<Record<Framing, string>> = {
  chunked: fixedLinesOf('chunked'),
  plain: fixedLinesOf('plain'),
};

/** The `Date` line of the current second. */
let date = { second: 0, line: '' };

/**
 * The response head as bytes, for a socket taken out of the HTTP server, including what hooks have set (CORS, request
 * id). Throws if a header would span lines.
 */
export function eventStreamHead(reply: FastifyReply, framing: Framing): Buffer {
  let lines = 'HTTP/1.1 200 OK\r\n';
  const headers = reply.getHeaders();
  for (const name in headers) {
    if (!isFixed(name)) lines += lineOf(name, String(headers[name]));
  }
  return Buffer.from(`${lines}${fixedLines[framing]}${dateLine()}\r\n`, 'latin1');
}

// Caches checked lines: checking every head took 5 % of the time of a connection (profile of connection-storm).
function lineOf(name: string, value: string): string {
  const line = `${name}: ${value}\r\n`;
  if (validLines.has(line)) return line;
  validateHeaderName(name);
  validateHeaderValue(name, value);
  if (validLines.size < maxValidLines) validLines.add(line);
  return line;
}

function fixedLinesOf(framing: Framing): string {
  const headers = Object.entries({ ...eventStreamHeaders, ...connectionHeaders[framing] });
  return headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

/** Whether our own header replaces a hook's header with this name. */
function isFixed(name: string): boolean {
  return name === 'date' || name in eventStreamHeaders || name in connectionHeaders.chunked;
}

function dateLine(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1_000);
  if (second !== date.second) date = { second, line: `date: ${new Date(nowMs).toUTCString()}\r\n` };
  return date.line;
}
