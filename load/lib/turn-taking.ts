import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An abstract socket: Linux gives it to one process, and releases it when that process ends. */
const address = '\0pokewire-load';
const waitAtMostMs = 120_000;
const retryMs = 50;

/**
 * Waits until no other load run on this machine is measuring; returns the function that ends our turn. Two concurrent
 * runs would measure each other. On other systems it does not wait.
 */
export async function takeTurn(): Promise<() => void> {
  if (process.platform !== 'linux') return () => {};
  const deadline = performance.now() + waitAtMostMs;
  for (;;) {
    const server = await listen();
    if (server !== undefined) return () => server.close();
    if (performance.now() > deadline) return () => {};
    await sleep(retryMs);
  }
}

function listen(): Promise<Server | undefined> {
  const server = createServer().unref();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(address, () => resolve(server));
  });
}
