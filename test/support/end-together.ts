import type { Socket } from 'node:net';

/** Destroys each of two sockets when the other one closes. `open` contains them until then. */
export function endTogether(near: Socket, far: Socket, open: Set<Socket>): void {
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ] as const) {
    open.add(socket);
    // A reset is an end like any other here.
    socket.on('error', () => {});
    socket.on('close', () => {
      open.delete(socket);
      other.destroy();
    });
  }
}
