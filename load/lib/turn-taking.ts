import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An abstract socket: Linux lets one process have it, and takes it back when that ends. */
const address = '\0pokewire-load';
const waitAtMostMs = 120_000;
const retryMs = 50;

/**
 * Waits until no other load run of this machine measures, and gives what ends our turn. Two runs at once would each
 * measure the other; by turns both are right. On other systems nobody waits.
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
