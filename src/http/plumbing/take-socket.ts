import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Tells Node's parser that the following data is not HTTP, so that it stops. */
const stopReading = 2;

/**
 * Takes the socket of a request out of Node's HTTP server, as Node's own `upgrade` does: the parser returns to its
 * pool, and nothing of request and response stays in memory (load/README.md, idle-memory: a third of the bytes).
 * Further data of the peer is no longer parsed as requests. Resolves to undefined if the peer has left.
 */
export async function takeSocket(request: IncomingMessage, response: ServerResponse): Promise<Socket | undefined> {
  const { socket } = request;
  // Reads and drops the body of a request, which a subscription does not need: Node would otherwise destroy the socket
  // of a request that was not read.
  request.resume();
  if (!request.readableEnded && !socket.destroyed) await ended(request);
  if (socket.destroyed) return undefined;
  const { parser } = socket as Socket & { parser: { onIncoming: unknown } };
  response.detachSocket(socket);
  letGoOf(socket);
  // Node aborts pipelined requests waiting for this one, which destroys the socket.
  if (socket.destroyed) return undefined;
  // When a request has many headers, the parser runs pending microtasks, including this function, and then continues in
  // the same packet. It ignores the data it finds, but would call a missing handler and end the process.
  parser.onIncoming ??= () => stopReading;
  // All at once: removing them event by event is 1 % of a connection in a storm (profile of load: connection-storm).
  socket.removeAllListeners();
  // The HTTP server shadows these methods to notice readers, and would take the socket back. Assigned rather than
  // deleted: after a delete, V8 looks up all properties of an object slowly (load/results: fan-out, idle-memory).
  const prototype = Object.getPrototypeOf(socket);
  for (const shadow of ['on', 'addListener', 'prependListener', 'setEncoding']) {
    Reflect.set(socket, shadow, Reflect.get(prototype, shadow));
  }
  socket.setTimeout(0);
  return socket;
}

/**
 * Resolves when the request was read to its end; rejects if it was cut off. `once` of `node:events` does more work
 * (load: connection-storm).
 */
function ended(request: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).on('end', () => {
      request.removeListener('error', reject);
      resolve();
    });
  });
}

/** Calls the HTTP server's own close handlers, which release the socket and create an error for the request. */
function letGoOf(socket: Socket): void {
  const { stackTraceLimit } = Error;
  // The error is unused, and its stack trace takes 5 % of a connection in a storm (profile of load: connection-storm).
  Error.stackTraceLimit = 0;
  try {
    for (const letGo of socket.listeners('close')) Reflect.apply(letGo, socket, []);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
