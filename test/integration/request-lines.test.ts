import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Exposition } from '../support/exposition.ts';
import { startTestApp } from '../support/start-app.ts';

const flags = ['--request-timeout-ms', '400', '--stall-timeout-ms', '300', '--header-limit-bytes', '2048'];

/** A server and its log lines. */
async function startSpoken() {
  const lines: { msg: string; status?: number; path?: string }[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const app = await startTestApp(flags, { log });
  return {
    app,
    requests: () => lines.filter(({ msg }) => msg === 'request').map(({ status, path }) => ({ status, path })),
    counted: async (method: string, route: string, status: number) =>
      new Exposition((await app.get('/metrics')).text).value('pokewire_http_request_duration_seconds_count', {
        method,
        route,
        status: String(status),
      }),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

function send(port: number, text: string): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(text);
  return socket.resume();
}

const halfBody =
  'POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{';

test.each([
  ['bytes that are no request', 'nonsense\r\n\r\n', 'none', undefined, 400],
  ['a head beyond its limit', `GET / HTTP/1.1\r\nX: ${'x'.repeat(3_000)}\r\n\r\n`, 'none', undefined, 431],
  ['a head that does not come whole', 'GET / HTTP/1.1\r\nHo', 'none', undefined, 408],
  ['a request without a host', 'GET /health HTTP/1.1\r\n\r\n', '/health', '/health', 400],
  ['a path that cannot be decoded', 'GET /streams/%ff HTTP/1.1\r\nHost: x\r\n\r\n', 'none', '/streams/%ff', 400],
  ['a body that does not come whole', halfBody, '/streams/:stream/messages', '/streams/a-1/messages', 408],
])('The log and the metrics have one line and one count of %s.', async (_what, text, route, path, status) => {
  await using spoken = await startSpoken();
  const socket = send(spoken.app.port, text);
  await once(socket, 'data');
  await expect.poll(spoken.requests).toEqual([{ status, path }]);
  socket.destroy();
  const method = path === undefined ? 'none' : text.slice(0, text.indexOf(' '));
  expect(await spoken.counted(method, route, status)).toBe(1);
});

test.each([
  ['disconnects before its body was sent', (socket: Socket) => socket.resetAndDestroy()],
  ['half-closes before its body was sent', (socket: Socket) => socket.end()],
])('The log and the metrics have a request whose client %s.', async (_what, leave) => {
  await using spoken = await startSpoken();
  const socket = send(spoken.app.port, halfBody);
  await once(socket, 'connect');
  socket.write('"', () => leave(socket));
  await expect.poll(spoken.requests).toHaveLength(1);
  const [{ status, path }] = spoken.requests() as [{ status: number; path: string }];
  expect([[400, 499].includes(status), path]).toEqual([true, '/streams/a-1/messages']);
  expect(await spoken.counted('POST', '/streams/:stream/messages', status)).toBe(1);
});

test('A request whose answer broke off is logged and counted once, with status 499.', async () => {
  await using spoken = await startSpoken();
  const large = { type: 'T', data: { text: 'x'.repeat(1_000_000) } };
  for (let n = 0; n < 20; n++) await spoken.app.append('large-1', large);
  const target = '/streams/large-1/messages';
  const socket = connect(spoken.app.port, '127.0.0.1').on('error', () => {});
  socket.write(`GET ${target}?batchSize=-1 HTTP/1.1\r\nHost: x\r\n\r\n`);
  const reads = () => spoken.requests().filter(({ path, status }) => path === target && status !== 201);
  await expect.poll(reads, { timeout: 20_000 }).toEqual([{ path: target, status: 499 }]);
  expect(await spoken.counted('GET', '/streams/:stream/messages', 499)).toBe(1);
  socket.destroy();
});
