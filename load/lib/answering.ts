import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const tries = 250;
const pauseMs = 20;

/** Resolves when something listens on this port of 127.0.0.1; rejects after some seconds. */
export async function answering(port: number): Promise<void> {
  for (let count = 0; count < tries; count++) {
    const socket = connect({ host: '127.0.0.1', port });
    const answers = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (answers) return;
    await sleep(pauseMs);
  }
  throw new Error(`nothing listens on port ${port}`);
}
