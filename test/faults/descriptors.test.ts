import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { Crowd } from './support/crowd.ts';
import { FaultServer, poll } from './support/server.ts';

const acceptFails = new URL('./support/accept.ts', import.meta.url).pathname;

/** Runs a command with this many file descriptors. */
const withDescriptors = (count: number) => ['bash', '-c', `ulimit -n ${count} && exec "$0" "$@"`];

const warning = 'the file descriptor limit allows fewer subscriptions than --max-subscriptions; raise it (ulimit -n)';
const exhausted =
  'out of file descriptors: new connections are dropped until others close; raise the limit (ulimit -n)';
const recovered = 'file descriptors are available again: connections are accepted';

/** Requests on one connection that stays open in between. */
class KeptConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  append(stream: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/json' } };
      const asked = request(`${this.#url}/streams/${stream}/messages`, options, (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
      });
      asked.on('error', reject).end('{"type":"T","data":{}}');
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

test('With few file descriptors, subscriptions are refused early enough that all other requests are answered.', async () => {
  await using server = await FaultServer.start([], { under: withDescriptors(128) });
  await poll(() => server.logged(warning)).toHaveLength(1);
  const [{ level, maxSubscriptions, descriptors }] = server.logged(warning);
  expect([level, descriptors]).toEqual([40, 128]);
  expect((await server.metrics()).value('pokewire_subscriptions_max')).toBe(maxSubscriptions);

  await using crowd = await Crowd.gather({ port: server.port, count: 200, atOnce: 20 });
  expect(await crowd.report()).toMatchObject({ ready: maxSubscriptions, refused: 200 - maxSubscriptions });
  expect((await server.ask('/subscribe?all=true')).text).toContain('"TOO_MANY_SUBSCRIPTIONS"');
  expect((await server.ask('/ready')).status).toBe(200);
  await server.append('load-1', 10);
  await poll(async () => (await crowd.report()).most).toBe(10);
  expect(server.logged(exhausted)).toEqual([]);

  await crowd.kill();
  await poll(() => server.subscriptions()).toBe(0);
  await using next = await Crowd.gather({ port: server.port, count: 30, atOnce: 20 });
  expect((await next.report()).ready).toBe(30);
});

test('When all file descriptors are used, the server reports it, keeps delivering, does not spin, and accepts again once some are free.', async () => {
  await using server = await FaultServer.start([], { under: withDescriptors(128) });
  await using subscriber = await SseClient.connect(server.port, '/subscribe?category=load');
  using writer = new KeptConnection(server.url);
  expect(await writer.append('load-1')).toBe(201);
  const idle: Socket[] = [];
  try {
    for (let n = 0; n < 300; n++) idle.push(connect(server.port, '127.0.0.1').on('error', () => {}));
    await poll(() => server.logged(exhausted)).toHaveLength(1);
    expect(server.logged(exhausted)).toMatchObject([{ level: 50 }]);
    await expect(server.ask('/health')).rejects.toThrow();
    const beforeMs = server.processorMs;
    const startMs = performance.now();
    for (let n = 0; n < 20; n++) {
      expect(await writer.append('load-1')).toBe(201);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // A busy loop of failing accepts would use all of it.
    expect(server.processorMs - beforeMs).toBeLessThan((performance.now() - startMs) / 2);
    await subscriber.waitForPokes(21);
  } finally {
    for (const socket of idle) socket.destroy();
  }
  await poll(() => server.logged(recovered)).toHaveLength(1);
  await server.append('load-1');
  await subscriber.waitForPokes(22);
  // Reported once, not for each connection.
  expect(server.logged(exhausted)).toHaveLength(1);
});

test('A failure to accept a connection is logged, and the server continues.', async () => {
  await using server = await FaultServer.start([], { nodeFlags: ['--import', acceptFails] });
  expect((await server.ask('/health')).status).toBe(200);
  for (let failures = 1; failures <= 3; failures++) {
    server.kill('SIGUSR2');
    await poll(() => server.logged('a connection could not be accepted')).toHaveLength(failures);
  }
  expect((await server.ask('/health')).status).toBe(200);
  expect(server.logged('a connection could not be accepted')[0].err.code).toBe('ENFILE');
});

test('Connections whose requests never arrive completely release their descriptors, so that the server keeps answering.', async () => {
  await using server = await FaultServer.start(['--request-timeout-ms', '2000'], { under: withDescriptors(300) });
  const halves: Socket[] = [];
  try {
    for (let n = 0; n < 320; n++) {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nHo');
      halves.push(socket);
    }
    const health = async () => (await server.ask('/health').catch(() => undefined))?.status;
    await poll(() => server.logged(exhausted)).toHaveLength(1);
    await poll(health).toBe(200);
    await poll(() => server.logged(recovered)).toHaveLength(1);
    expect(await health()).toBe(200);
  } finally {
    for (const socket of halves) socket.destroy();
  }
});
