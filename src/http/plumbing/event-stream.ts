import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Framing } from '../../sse/connection.ts';

/** What every answer says that is an endless event stream. */
export const eventStreamHeaders = {
  // The standard knows no other charset, and some clients read without it as Latin-1.
  'content-type': 'text/event-stream; charset=utf-8',
  // EventoDB's clients look for `no-cache` in front.
  'cache-control': 'no-cache, no-store, no-transform',
  // Tells nginx not to collect the stream before it passes it on.
  'x-accel-buffering': 'no',
};

// Not `close`: with it undici takes a chunked body that was cut for a complete one. The connection is of no use behind a
// stream all the same, and the time-out keeps clients from sending another request on it.
const connectionHeaders: Readonly<Record<Framing, Readonly<Record<string, string>>>> = {
  chunked: { 'transfer-encoding': 'chunked', connection: 'keep-alive', 'keep-alive': 'timeout=1' },
  plain: { connection: 'close' },
};

/** How the body of an answer to this request is framed: HTTP/1.0 has no chunks. */
export function framingOf(request: IncomingMessage): Framing {
  return request.httpVersion === '1.0' ? 'plain' : 'chunked';
}

/** Whether the client understands an event stream, also as the answer to a request that is refused. */
export function acceptsEventStream({ headers }: FastifyRequest): boolean {
  return headers.accept?.toLowerCase().includes('text/event-stream') === true;
}

/** Lines that need no second look; mostly every answer has the same. */
const validLines = new Set<string>();
const maxValidLines = 64;

const fixedLines: Readonly<Record<Framing, string>> = {
  chunked: fixedLinesOf('chunked'),
  plain: fixedLinesOf('plain'),
};

/** The date of the answers of this second. */
let date = { second: 0, line: '' };

/**
 * The head of such an answer as bytes, for a socket that is taken out of the HTTP server, with what hooks have added (CORS,
 * request id). Throws when one would not be one line.
 */
export function eventStreamHead(reply: FastifyReply, framing: Framing): Buffer {
  let lines = 'HTTP/1.1 200 OK\r\n';
  const headers = reply.getHeaders();
  for (const name in headers) {
    if (!isFixed(name)) lines += lineOf(name, String(headers[name]));
  }
  return Buffer.from(`${lines}${fixedLines[framing]}${dateLine()}\r\n`, 'latin1');
}

// Each line is checked once: checking every head took 5 % of the time of a connection (profile of connection-storm).
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

/** Whether a hook's header of this name is replaced by our own. */
function isFixed(name: string): boolean {
  return name === 'date' || name in eventStreamHeaders || name in connectionHeaders.chunked;
}

function dateLine(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1_000);
  if (second !== date.second) date = { second, line: `date: ${new Date(nowMs).toUTCString()}\r\n` };
  return date.line;
}
