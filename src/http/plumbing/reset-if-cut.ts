import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

/**
 * Resets the connection of an answer without chunks that breaks off, because its source fails or its reader stalls: a client
 * would take every orderly end for the end of the answer, as it must where HTTP/1.0 has no length either.
 */
export function resetIfCut(source: Readable, response: ServerResponse): void {
  const reset = (): void => {
    // Before its first byte an error still becomes an answer of its own.
    if (response.headersSent) response.socket?.resetAndDestroy();
  };
  source.once('error', reset);
  // Without a listener Node destroys the socket, which looks like an orderly end to the client.
  response.once('timeout', reset);
}
