import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Everything that Node's HTTP server listens to on a socket. */
const httpEvents = ['data', 'end', 'close', 'drain', 'error', 'timeout', 'resume', 'pause'];

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
  if (!request.readableEnded && !socket.destroyed) await once(request, 'end');
  if (socket.destroyed) return undefined;
  // Behind another request on the same connection the socket is not this response's yet, and never will be.
  if (response.socket !== socket) {
    socket.destroy();
    return undefined;
  }
  const { parser } = socket as Socket & { parser: { onIncoming: unknown } };
  response.detachSocket(socket);
  // This is how the HTTP server lets go of a socket; it cannot tell why it is told so.
  for (const letGo of socket.listeners('close')) Reflect.apply(letGo, socket, []);
  // When it hands over many headers the parser lets run what waits, this here too, and then reads on in the same packet.
  // What it finds there is nobody's request, but it would call somebody, and end the process because nobody is there.
  parser.onIncoming ??= () => stopReading;
  for (const event of httpEvents) socket.removeAllListeners(event);
  // The HTTP server shadows these to notice readers, and it would take the socket back. Set and not deleted: V8 looks up
  // every property of an object slowly from which one was deleted (load/results: fan-out, idle-memory).
  const prototype = Object.getPrototypeOf(socket);
  for (const shadow of ['on', 'addListener', 'prependListener', 'setEncoding']) {
    Reflect.set(socket, shadow, Reflect.get(prototype, shadow));
  }
  socket.setTimeout(0);
  return socket;
}
