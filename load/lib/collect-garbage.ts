import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A free port, for the inspector of the next process. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Makes a Node process collect its garbage, through its inspector: V8 does not collect while nothing is allocated, and
 * garbage cannot be distinguished from live memory. The process must have been started with this `--inspect-port`.
 */
export async function collectGarbage(pid: number, inspectPort: number): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await debuggerUrl(inspectPort));
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const answered = new Promise((resolve) => socket.addEventListener('message', resolve));
  socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
  await answered;
  socket.close();
}

async function debuggerUrl(port: number): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
    const list = (await response?.json()) as { webSocketDebuggerUrl: string }[] | undefined;
    if (list?.[0] !== undefined) return list[0].webSocketDebuggerUrl;
    await sleep(50);
  }
  throw new Error('the inspector does not answer');
}
