import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What Node's parser is answered when what follows is not HTTP: it stops there. */
const stopReading = 2;

/**
 * Takes the socket of a request out of Node's HTTP server, as its own `upgrade` does: the parser goes back to its pool,
 * and nothing of request and response stays in memory (load/README.md, idle-memory: a third of the bytes). What the peer
 * sends from now on is nobody's request. Resolves to undefined when the peer has gone meanwhile.
 */
export async function takeSocket(request: IncomingMessage, response: ServerResponse): Promise<Socket | undefined> {
  const { socket } = request;
  // A body, which no subscription has, is read and dropped: what follows destroys the socket of an unread request.
  request.resume();
  if (!request.readableEnded && !socket.destroyed) await ended(request);
  if (socket.destroyed) return undefined;
  const { parser } = socket as Socket & { parser: { onIncoming: unknown } };
  response.detachSocket(socket);
  letGoOf(socket);
  // Node aborts requests that wait behind this one, and that ends the socket.
  if (socket.destroyed) return undefined;
  // When it hands over many headers the parser lets run what waits, this here too, and then reads on in the same packet.
  // What it finds there is nobody's request, but it would call somebody, and end the process because nobody is there.
  parser.onIncoming ??= () => stopReading;
  // All at once: one event after the other is 1 % of a connection in a storm (profile of load: connection-storm).
  socket.removeAllListeners();
  // The HTTP server shadows these to notice readers, and it would take the socket back. Set and not deleted: V8 looks up
  // every property of an object slowly from which one was deleted (load/results: fan-out, idle-memory).
  const prototype = Object.getPrototypeOf(socket);
  for (const shadow of ['on', 'addListener', 'prependListener', 'setEncoding']) {
    Reflect.set(socket, shadow, Reflect.get(prototype, shadow));
  }
  socket.setTimeout(0);
  return socket;
}

/** Resolves when the request was read to its end; rejects when it was cut. `once` of `node:events` does more (load: connection-storm). */
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
  // Nobody sees that error, and its stack trace is 5 % of a connection in a storm (profile of load: connection-storm).
  Error.stackTraceLimit = 0;
  try {
    for (const letGo of socket.listeners('close')) Reflect.apply(letGo, socket, []);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
