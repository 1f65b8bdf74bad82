import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { newMessage } from '../support/fake-messages.ts';
import { type Route, routesOfApp } from '../support/routes.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

/** The server reads and writes tens of megabytes meanwhile. */
const patience = { timeout: 50_000 };

const quick = ['--request-timeout-ms', '500', '--stall-timeout-ms', '300'];

const token = newToken('default');
let routes: Route[] = [];
beforeAll(async () => {
  routes = await routesOfApp();
});

/** The connections that the server holds. */
class Accepted implements Disposable {
  readonly sockets: Socket[] = [];
  readonly #note = (message: unknown) => {
    this.sockets.push((message as { socket: Socket }).socket);
  };

  constructor() {
    subscribe('net.server.socket', this.#note);
  }

  get seen(): number {
    return this.sockets.length;
  }

  get open(): number {
    return this.sockets.filter(({ destroyed }) => !destroyed).length;
  }

  [Symbol.dispose](): void {
    unsubscribe('net.server.socket', this.#note);
  }
}

/** Connections of a peer that never closes one. */
class Peer implements Disposable {
  readonly #port: number;
  readonly #sockets: Socket[] = [];

  constructor({ port }: TestApp) {
    this.#port = port;
  }

  open(text: string, { reads = true } = {}): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    if (reads) socket.resume();
    socket.write(text);
    this.#sockets.push(socket);
    return socket;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/**
 * More than sockets buffer, so that the server must wait for a reader that does not read. Not by requests, which would
 * have to arrive within the short time-out.
 */
async function fill({ store }: TestApp): Promise<void> {
  const log = store.log((await store.namespaces.find('default'))!.log);
  const data = JSON.stringify({ text: 'x'.repeat(1_000_000) });
  for (let n = 0; n < 20; n++) await log.append('large-1', [newMessage({ data })], undefined);
}

/** A request that reaches the handler of the route. */
function targetOf({ url, isStream }: Route): string {
  const path = url.replace(':stream', 'large-1').replace(':category', 'large').replace('*', 'x');
  if (url === '/subscribe') return '/subscribe?all=true';
  return isStream || !url.endsWith('/messages') ? path : `${path}?batchSize=-1`;
}

function headOf(route: Route, lines: readonly string[] = [], method = route.method): string {
  return [`${method} ${targetOf(route)} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n');
}

type Case = {
  readonly name: string;
  readonly flags?: readonly string[];
  /** Starts on a connection, for each route. */
  readonly begin: (peer: Peer, route: Route) => void;
  /** Whether a subscription with a silent peer may stay. */
  readonly keepsStreams?: boolean;
};

const body = ['Content-Type: application/json', 'Content-Length: 100'];
const last = 'Connection: close';

const cases: Case[] = [
  { name: 'sends nothing', begin: (peer) => peer.open('') },
  { name: 'sends half a head', begin: (peer, { method }) => peer.open(`${method} / HTTP/1.1\r\nHo`) },
  { name: 'sends half a body', begin: (peer, route) => peer.open(`${headOf(route, body)}{`) },
  {
    name: 'is refused before its body has come',
    flags: ['--token', token],
    begin: (peer, route) => peer.open(`${headOf(route, [...body, 'Authorization: Bearer nobody'])}{`),
  },
  {
    name: 'sends half a chunk',
    begin: (peer, route) =>
      peer.open(`${headOf(route, ['Content-Type: application/json', 'Transfer-Encoding: chunked'])}ff\r\n{`),
  },
  {
    name: 'never reads',
    begin: (peer, route) => peer.open(headOf(route, [last]), { reads: false }),
    keepsStreams: true,
  },
  {
    name: 'resets at the first byte',
    begin: (peer, route) => {
      const socket = peer.open(headOf(route));
      socket.once('data', () => socket.resetAndDestroy());
    },
  },
  { name: 'half-closes and never reads', begin: (peer, route) => peer.open(headOf(route), { reads: false }).end() },
  {
    name: 'pipelines and never reads',
    begin: (peer, route) => peer.open(headOf(route).repeat(3) + headOf(route, [last]), { reads: false }),
    keepsStreams: true,
  },
  { name: 'asks by HEAD', begin: (peer, route) => peer.open(headOf(route, [last], 'HEAD'), { reads: false }) },
];

/** Resources that requests and subscriptions hold in a server. */
function heldBy({ hub, transfers, reads, pools: { pokes, buffers } }: TestApp) {
  const classes = [...buffers.classes].map(([, { stats }]) => stats);
  return {
    subscriptions: hub.subscriptions.size,
    transfers: transfers.underWay.size,
    reads: reads.underWay,
    pokes: pokes.stats.leased,
    buffers: [...classes, buffers.oversizedStats].reduce((sum, { leased }) => sum + leased, 0),
  };
}

describe('A peer gets its connection, its places and its transfers taken, on every route, where it', () => {
  test.each(cases.map((one) => [one.name, one] as const))(
    '%s.',
    async (_name, { flags = [], begin, keepsStreams = false }) => {
      await using app = await startTestApp([...quick, ...flags]);
      if (flags.length === 0) await fill(app);
      using accepted = new Accepted();
      using peer = new Peer(app);
      const attacked = keepsStreams ? routes.filter(({ isStream }) => !isStream) : routes;
      for (const route of attacked) begin(peer, route);
      await expect.poll(() => accepted.seen, patience).toBe(attacked.length);
      await expect.poll(() => accepted.open, patience).toBe(0);
      await expect.poll(() => heldBy(app)).toEqual({ subscriptions: 0, transfers: 0, reads: 0, pokes: 0, buffers: 0 });
    },
  );
});

test.each([
  ['GET', '/subscribe?all=true', 200],
  ['GET', '/diagnose/stream?events=0&silentMs=0', 200],
  ['POST', '/import', 200],
])(
  'The quotas of %s %s are released when the bodies of the requests that used them did not arrive.',
  async (method, target, status) => {
    await using app = await startTestApp([...quick, '--max-subscriptions', '16', '--max-transfers', '16']);
    using accepted = new Accepted();
    using peer = new Peer(app);
    for (let n = 0; n < 16; n++) {
      peer.open(`${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: x/y\r\nContent-Length: 100\r\n\r\n{`);
    }
    await expect.poll(() => accepted.seen, patience).toBe(16);
    await expect.poll(() => accepted.open, patience).toBe(0);
    using next = new Peer(app);
    const socket = next.open(`${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  },
);

test.each([
  ['half a head', 'GET / HTTP/1.1\r\nHo'],
  ['half a head after an answer', 'GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET / HT'],
  ['a refused request whose body does not arrive', 'POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n'],
])('A stop waits no longer than a second for %s.', async (_what, text) => {
  await using app = await startTestApp(['--request-timeout-ms', '60000']);
  using accepted = new Accepted();
  using peer = new Peer(app);
  const socket = peer.open(text);
  if (text.includes('Host')) await once(socket, 'data');
  else await expect.poll(() => accepted.seen).toBe(1);
  const startMs = performance.now();
  await app.close();
  // Out of 10 seconds for running requests.
  expect(performance.now() - startMs).toBeLessThan(6_000);
});

/** Sends these bytes every few milliseconds until the connection ends. */
async function drip(socket: Socket, bytes: string): Promise<void> {
  const timer = setInterval(() => socket.write(bytes), 20);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(timer);
}

test('A peer that keeps sending is still disconnected if it does not read its answer.', async () => {
  await using app = await startTestApp(quick);
  await fill(app);
  using accepted = new Accepted();
  using peer = new Peer(app);
  const socket = peer.open('GET /streams/large-1/messages?batchSize=-1 HTTP/1.1\r\nHost: x\r\n\r\n', { reads: false });
  const dripping = drip(socket, 'G');
  await expect.poll(() => accepted.seen).toBe(1);
  await expect.poll(() => accepted.open, patience).toBe(0);
  socket.destroy();
  await dripping;
});

test('Line ends after an answer do not keep a connection longer than a request may take.', async () => {
  await using app = await startTestApp(quick);
  using peer = new Peer(app);
  const socket = peer.open('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  await drip(socket, '\r\n');
});

test('A connection between two requests has 72 seconds, and is then ended by Node.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '60000']);
  using accepted = new Accepted();
  using peer = new Peer(app);
  const socket = peer.open('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(String((await once(socket, 'data'))[0])).toContain('\r\nKeep-Alive: timeout=72\r\n');
  const [idle] = accepted.sockets;
  // Node adds a second, by which time a client that respects the header has left.
  await expect.poll(() => idle!.timeout).toBe(73_000);
  idle!.emit('timeout');
  await expect.poll(() => accepted.open).toBe(0);
});

test('A client that sends its body within a second of the refusal keeps its connection.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '60000']);
  using peer = new Peer(app);
  const socket = peer.open('POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n');
  await once(socket, 'data');
  socket.write('1234GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
});

test('A stall of the process does not count against a peer whose request arrived in the meantime.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '1000']);
  using accepted = new Accepted();
  using peer = new Peer(app);
  const socket = peer.open('GET /health HTTP/1.1\r\n');
  await expect.poll(() => accepted.seen).toBe(1);
  const answered = once(socket, 'data');
  // Blocks the event loop for longer than the deadline. After an immediate, timers run first, then the bytes are read.
  await setImmediate();
  socket.write('Host: x\r\n\r\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 200 /);
});

test('An import does not change the deadline of the next request on its connection.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '60000']);
  await app.append('account-1', { type: 'Deposited', data: {} });
  const group = {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"category":"account","size":1}',
  };
  expect((await fetch(`${app.url}/groups/billing`, group)).status).toBe(201);
  using accepted = new Accepted();
  using peer = new Peer(app);
  const wait = 'GET /groups/billing/wait?position=1&timeoutMs=60000 HTTP/1.1\r\nHost: x\r\n\r\n';
  const head =
    'POST /import?force=true HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1\r\n\r\n\n';
  const socket = peer.open(head + wait);
  expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
  await expect.poll(() => accepted.sockets.at(-1)!.timeout).toBe(0);
});
