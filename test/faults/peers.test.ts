import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { dechunk } from '../support/chunks.ts';
import { withoutTags } from '../support/cursors.ts';
import { SseClient } from '../support/sse-client.ts';
import { Crowd } from './support/crowd.ts';
import { FaultNetwork } from './support/network.ts';
import { FaultServer, poll } from './support/server.ts';

const path = '/subscribe?category=load';

/** The frames of `load-1`, starting with the n-th message. */
function framesOf(count: number, from = 1): string {
  return Array.from({ length: count }, (_, n) => {
    const data = `{"stream":"load-1","position":${from + n - 1},"globalPosition":${from + n}}`;
    return `event: poke\ndata: ${data}\nid: ${from + n}\n\n`;
  }).join('');
}

const reasonsOf = (server: FaultServer) => server.logged('unsubscribed').map(({ reason }) => reason);

/** Number of pooled objects in use. A buffer is released once the socket that was to send it has closed. */
const leased = async (server: FaultServer) => (await server.metrics()).value('pokewire_pool_leased');

/** Appends until the sockets of this many subscribers are full; how many messages that takes depends on the kernel. */
async function appendUntilLagging(server: FaultServer, count = 1): Promise<number> {
  const lagging = async () => {
    const now = (await server.metrics()).value('pokewire_subscriptions', { state: 'lagging' });
    return now + reasonsOf(server).length;
  };
  let appended = 0;
  for (; (await lagging()) < count; appended += 5_000) await server.append('load-1', 5_000);
  return appended;
}

/** The body of a raw response. */
const bodyOf = (response: string) => response.slice(response.indexOf('\r\n\r\n') + 4);
const withoutGreeting = (body: string) => body.replace(/^: ready\n\nretry: \d+\n/, '');

const isPossible = FaultNetwork.isPossible;
const note = isPossible ? '' : ' (skipped: network namespaces need root and ip)';

test.skipIf(!isPossible)(
  `A peer that vanishes without FIN or RST is disconnected when the kernel gives up${note}.`,
  async () => {
    using network = FaultNetwork.lay(2);
    const flags = ['--host', '0.0.0.0', '--insecure', '--heartbeat-ms', '200'];
    await using server = await FaultServer.start(flags, { under: network.inside, at: network.steady });
    await using steady = await SseClient.connect(server.port, path, { host: network.steady });
    await using vanished = await SseClient.connect(server.port, path, { host: network.pullable });
    await vanished.waitFor(({ comments }) => comments.includes(''), 'a heartbeat');
    network.pull();
    await poll(() => reasonsOf(server)).toEqual(['peer']);
    expect(await server.subscriptions()).toBe(1);
    expect(vanished.isClosed, 'the peer has heard of its end').toBe(false);
    await server.append('load-1');
    await steady.waitForPokes(1);
  },
);

test.skipIf(!isPossible)(
  `A peer that vanishes while much is to be sent is disconnected by the stall time-out, long before${note}.`,
  async () => {
    using network = FaultNetwork.lay(15);
    const flags = ['--host', '0.0.0.0', '--insecure', '--stall-timeout-ms', '1000'];
    await using server = await FaultServer.start(flags, { under: network.inside, at: network.steady });
    await using vanished = await SseClient.subscribe(server.port, path, { host: network.pullable });
    network.pull();
    await appendUntilLagging(server);
    await poll(() => reasonsOf(server)).toEqual(['stalled']);
    await poll(() => leased(server)).toBe(0);
    expect(vanished.isClosed, 'the peer has heard of its end').toBe(false);
  },
);

test('Subscribers in a hanging process are disconnected after the stall time-out, and the others receive pokes in the meantime.', async () => {
  await using server = await FaultServer.start(['--stall-timeout-ms', '1000', '--heartbeat-ms', '0']);
  await using crowd = await Crowd.gather({ port: server.port, count: 10 });
  await using other = await SseClient.connect(server.port, path);
  crowd.freeze();
  const appended = await appendUntilLagging(server, 10);
  await poll(() => reasonsOf(server)).toEqual(new Array(10).fill('stalled'));
  await other.waitForPokes(appended);
  expect(withoutGreeting(withoutTags(other)) === framesOf(appended), 'it has every frame').toBe(true);
  expect(await server.subscriptions()).toBe(1);
  await poll(() => leased(server)).toBe(0);
});

test('Subscribers in a hanging process do not delay SIGTERM, whether their sockets are full or not.', async () => {
  await using server = await FaultServer.start();
  await using full = await Crowd.gather({ port: server.port, count: 20 });
  await using idle = await Crowd.gather({ port: server.port, count: 20, path: '/subscribe?category=other&hello=true' });
  full.freeze();
  idle.freeze();
  await appendUntilLagging(server);
  const startMs = performance.now();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  // Waiting for connections would take ten seconds.
  expect(performance.now() - startMs).toBeLessThan(8_000);
  idle.thaw();
  await poll(() => idle.report()).toMatchObject({ ready: 0, ends: { draining: 20 } });
});

test('A reset in the middle of a frame ends that subscription only, which resumes after the last complete frame.', async () => {
  await using server = await FaultServer.start(['--heartbeat-ms', '0']);
  await using other = await SseClient.connect(server.port, path);
  await server.append('load-1', 5_000);
  /** Reads in pieces of this size, and resets in the middle of a frame; returns the id of the last complete frame. */
  const tear = async (pieceBytes: number): Promise<number> => {
    let text = '';
    const buffer = Buffer.alloc(pieceBytes);
    const callback = (length: number) => {
      text += buffer.toString('latin1', 0, length);
      if (!/id: \d{2}-[0-9a-f]{12}\n\n/.test(text) || text.endsWith('\n\n\r\n')) return true;
      socket.resetAndDestroy();
      return false;
    };
    const socket = connect({ port: server.port, host: '127.0.0.1', onread: { buffer, callback } });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'close');
    return Number([...text.matchAll(/^id: (\d+)-[0-9a-f]{12}\n\n/gm)].at(-1)![1]);
  };
  const lastIds = await Promise.all(Array.from({ length: 50 }, (_, n) => tear(1_000 + n)));
  await poll(() => reasonsOf(server)).toEqual(new Array(50).fill('peer'));
  await server.append('load-1', 10);
  for (const lastId of lastIds) {
    await using resumed = await SseClient.connect(server.port, path, { headers: { 'last-event-id': String(lastId) } });
    await resumed.waitForPokes(5_010 - lastId);
    expect(withoutGreeting(withoutTags(resumed)) === framesOf(5_010 - lastId, lastId + 1)).toBe(true);
  }
  await other.waitForPokes(5_010);
  expect(withoutGreeting(withoutTags(other)) === framesOf(5_010)).toBe(true);
  await poll(() => leased(server)).toBe(0);
});

test('Readers that read one byte per turn of their event loop receive every byte, while others append.', async () => {
  await using server = await FaultServer.start(['--heartbeat-ms', '0']);
  await server.append('load-1', 100);
  const read = async (): Promise<string> => {
    let text = '';
    const buffer = Buffer.alloc(1);
    const callback = () => {
      text += String.fromCharCode(buffer[0]!);
      if (/^id: 200-[0-9a-f]{12}\n\n\r\n$/m.test(text.slice(-40))) socket.destroy();
      else setImmediate(() => socket.resume());
      // Stops reading until the test asks it to continue.
      return false;
    };
    const socket = connect({ port: server.port, host: '127.0.0.1', onread: { buffer, callback } });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'close');
    return withoutGreeting(withoutTags({ bytes: dechunk(Buffer.from(bodyOf(text), 'latin1')) }));
  };
  const readers = Array.from({ length: 5 }, read);
  for (let message = 0; message < 100; message++) await server.append('load-1');
  expect(await Promise.all(readers)).toEqual(new Array(5).fill(framesOf(200)));
});
