import { type IncomingMessage, validateHeaderName, validateHeaderValue } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Framing } from '../../sse/connection.ts';

/** What every answer says that is an endless event stream. */
export const eventStreamHeaders = {
  // The standard knows no other charset, and some clients read without it as Latin-1.
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  // Tells nginx not to collect the stream before it passes it on.
  'x-accel-buffering': 'no',
};

// Not `close`: with it undici takes a chunked body that was cut for a complete one. The connection is of no use behind a
// stream all the same, and clients that would ask again on it at once are told so.
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

/**
 * The head of such an answer as bytes, for a socket that is taken out of the HTTP server, with what hooks have added (CORS,
 * request id). Throws when one would not be one line.
 */
export function eventStreamHead(reply: FastifyReply, framing: Framing): Buffer {
  const lines = ['HTTP/1.1 200 OK'];
  const headers = {
    ...reply.getHeaders(),
    ...eventStreamHeaders,
    ...connectionHeaders[framing],
    date: new Date().toUTCString(),
  };
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    lines.push(`${name}: ${value}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
