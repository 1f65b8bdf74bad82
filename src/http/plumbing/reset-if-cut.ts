import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

/**
 * Resets the connection if an answer without chunks is cut off because its source fails or its reader stalls. Clients
 * would mistake a regular close for the end of the answer, since HTTP/1.0 may have no length either.
 */
export function resetIfCut(source: Readable, response: ServerResponse): void {
  const reset = (): void => {
    // Before the first byte, an error response can still be sent.
    if (response.headersSent) response.socket?.resetAndDestroy();
  };
  source.once('error', reset);
  // Without a listener Node closes the socket, which looks like a regular end to the client.
  response.once('timeout', reset);
}
