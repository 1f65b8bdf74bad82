import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { maxHeldRequests } from '../../src/http/plumbing/open-connection.ts';
import { FakeStore } from '../support/fake-store.ts';
import { startTestApp } from '../support/start-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

/** More headers than Node's parser buffers, so that it hands them over early and runs pending microtasks. */
const manyHeaders = Array.from({ length: 120 }, (_, index) => `X-${index}: a\r\n`).join('');

test.each(['/subscribe?category=a', '/subscribe?all=true', '/diagnose/stream'])(
  'A stream between two requests of one packet does not end the server while it is still reading the packet: %s.',
  async (target) => {
    await using app = await startTestApp();
    const packet = `GET /health HTTP/1.1\r\nHost: x\r\n${manyHeaders}\r\nGET ${target} HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (let attempt = 0; attempt < 20; attempt++) {
      const socket = connect(app.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(packet);
      const [answer] = await once(socket, 'data');
      expect(String(answer)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    }
    expect((await app.get('/health')).status).toBe(200);
  },
);

/** Reads until the connection ends. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const piece of socket.setEncoding('latin1')) text += piece;
  return text;
}

function idsIn(answers: string): string[] {
  return [...answers.matchAll(/x-request-id: (\S+)/gi)].map(([, id]) => id!);
}

const numbered = (count: number) => Array.from({ length: count }, (_value, n) => `n${n}`);
const ask = (id: string) => `GET /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n\r\n`;
const goodbye = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** A server whose store blocks reads. */
async function startHeld() {
  const faults = new StoreFaults();
  const app = await startTestApp([], { openStore: async (_url, options) => faults.wrap(new FakeStore(options)) });
  return { app, faults, [Symbol.asyncDispose]: () => app.close() };
}

test('Requests of one connection are processed one at a time, however many packets they arrive in.', async () => {
  await using held = await startHeld();
  held.faults.hold('readStream');
  const socket = connect(held.app.port, '127.0.0.1');
  const sent = numbered(600);
  const answers = readAll(socket);
  for (const id of sent) await new Promise((resolve) => socket.write(ask(id), resolve));
  expect((await held.app.get('/health')).status).toBe(200);
  expect(held.faults.calls.get('readStream')).toBe(1);
  held.faults.mend();
  const ids = idsIn(await answers);
  expect(ids).toEqual(sent.slice(0, ids.length));
  expect(ids.length).toBeGreaterThan(maxHeldRequests);
});

test('A client with no more waiting requests than the limit gets all answers in order.', async () => {
  await using app = await startTestApp();
  const socket = connect(app.port, '127.0.0.1');
  const sent = numbered(600);
  const received: string[] = [];
  let text = '';
  const all = new Promise<void>((resolve) => {
    socket.setEncoding('latin1').on('data', (piece) => {
      text += piece;
      received.splice(0, received.length, ...idsIn(text));
      if (received.length === sent.length) resolve();
      else if (received.length % maxHeldRequests === 0) socket.write(packetFrom(received.length));
    });
  });
  const packetFrom = (start: number) =>
    sent
      .slice(start, start + maxHeldRequests)
      .map(ask)
      .join('');
  socket.write(packetFrom(0));
  await all;
  expect(received).toEqual(sent);
  socket.destroy();
});

test('Beyond the limit, the last answer closes the connection, and later requests are not processed.', async () => {
  await using held = await startHeld();
  const { app, faults } = held;
  faults.hold('append');
  const socket = connect(app.port, '127.0.0.1');
  const body = '{"type":"T","data":{}}';
  const append = (id: string) =>
    `POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  // Few enough bytes to arrive together.
  socket.write(numbered(120).map(append).join(''));
  await expect.poll(() => faults.calls.get('append')).toBe(1);
  faults.mend();
  const answers = await readAll(socket);
  const ids = idsIn(answers);
  expect(ids).toEqual(numbered(maxHeldRequests + 1));
  expect(answers.match(/\r\nconnection: close\r\n/gi)).toHaveLength(1);
  expect(answers.lastIndexOf('HTTP/1.1 ')).toBeLessThan(answers.search(/\r\nconnection: close\r\n/i));
  expect((await app.get('/streams/a-1')).body.messageCount).toBe(ids.length);
});

test('A body that is too large, after as many requests as may wait, is refused, and the following request is answered.', async () => {
  await using held = await startHeld();
  held.faults.hold('readStream');
  const socket = connect(held.app.port, '127.0.0.1');
  const body = 'x'.repeat(2_000_000);
  const append = `POST /streams/a-1/messages HTTP/1.1\r\nHost: x\r\nX-Request-Id: large\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  socket.write(numbered(maxHeldRequests).map(ask).join('') + append + ask('behind') + goodbye);
  await expect.poll(() => held.faults.calls.get('readStream')).toBe(1);
  held.faults.mend();
  const answers = await readAll(socket);
  expect(idsIn(answers)).toEqual([...numbered(maxHeldRequests), 'large', 'behind']);
  expect([...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
    ...new Array(maxHeldRequests).fill('200'),
    '413',
    '200',
    '200',
  ]);
});

test('Bodies of waiting requests are stored completely and in order.', async () => {
  await using app = await startTestApp();
  const socket = connect(app.port, '127.0.0.1');
  const answers = readAll(socket);
  // More than an unread request may hold.
  const text = 'x'.repeat(200_000);
  for (let n = 0; n < 20; n++) {
    const body = JSON.stringify({ type: `T${n}`, data: { text } });
    const target = `/streams/a-1/messages?expectedVersion=${n - 1}`;
    socket.write(
      `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }
  socket.write(goodbye);
  expect([...(await answers).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
    ...new Array(20).fill('201'),
    '200',
  ]);
  const { body } = await app.get('/streams/a-1/messages');
  expect(body.map(({ type, data }: { type: string; data: object }) => [type, data])).toEqual(
    Array.from({ length: 20 }, (_value, n) => [`T${n}`, { text }]),
  );
});

test('Bytes that are not a request end the connection after the answers to earlier requests.', async () => {
  await using app = await startTestApp();
  const socket = connect(app.port, '127.0.0.1');
  socket.write(`${ask('n0')}${ask('n1')}nonsense\r\n\r\n`);
  expect(idsIn(await readAll(socket))).toEqual(['n0', 'n1']);
});

test('A subscription after other requests in its packet receives pokes, and ends with its client.', async () => {
  await using app = await startTestApp();
  const socket = connect(app.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  socket.write(`${ask('n0')}GET /subscribe?all=true HTTP/1.1\r\nHost: x\r\n\r\n`);
  await expect.poll(() => text).toContain(': ready');
  expect((await app.append('a-1', { type: 'T', data: {} })).status).toBe(201);
  await expect.poll(() => text).toContain('"stream":"a-1"');
  expect(idsIn(text)).toEqual(['n0']);
  socket.destroy();
  await expect.poll(() => app.hub.subscriptions.size).toBe(0);
});
