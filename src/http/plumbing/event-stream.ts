import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { FastifyReply } from 'fastify';

/** What every answer says that is an endless event stream. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Tells nginx not to collect the stream before it passes it on.
  'x-accel-buffering': 'no',
  // The stream ends with its connection, so it needs no chunks and reads the same through HTTP/1.0.
  connection: 'close',
};

/**
 * The head of such an answer as bytes, for a socket that is taken out of the HTTP server, with what hooks have added (CORS,
 * request id). Throws when one would not be one line.
 */
export function eventStreamHead(reply: FastifyReply): Buffer {
  const lines = ['HTTP/1.1 200 OK'];
  for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...eventStreamHeaders })) {
    validateHeaderName(name);
    validateHeaderValue(name, String(value));
    lines.push(`${name}: ${value}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
