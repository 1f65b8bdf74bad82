import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { SpokenProcess } from '../support/spoken-process.ts';
import { SseClient } from '../support/sse-client.ts';

// A start takes as long as the machine needs; the test's own time-out is the limit.
const poll = <T>(read: () => T) => expect.poll(read, { timeout: 50_000 });

test('It starts on both loopback addresses, says what to try, and answers on each.', async () => {
  await using server = new SpokenProcess(['--port', '0']);
  const { port } = await server.listening();
  await poll(() => server.stderr).toContain(`curl -N 'localhost:${port}/subscribe?category=account'`);
  for (const host of ['127.0.0.1', '[::1]']) {
    const response = await fetch(`http://${host}:${port}/health`);
    expect(await response.text()).toBe('{"status":"ok"}');
  }
});

test('A flag and a variable set the same setting, and the flag takes precedence.', async () => {
  await using server = new SpokenProcess(['--log-level', 'info'], { POKEWIRE_LOG_LEVEL: 'silent', POKEWIRE_PORT: '0' });
  expect(Number((await server.listening()).port)).toBeGreaterThan(0);
});

test.each([
  [['--prot', '1'], {}, "Unknown option '--prot'"],
  [[], { POKEWIRE_PROT: '1' }, 'Unknown variable POKEWIRE_PROT'],
  [['--port', '70000'], {}, '--port cannot be "70000". It is an integer from 0 to 65535.'],
  [['--host', '0.0.0.0', '--port', '0'], {}, 'pass --insecure'],
  [['--trusted-proxies', '10.0.0.0/33'], {}, '--trusted-proxies cannot be "10.0.0.0/33"'],
  [['--port', '0', '--token', 'secret'], {}, '--token is malformed: a token begins with ns_'],
  [
    ['--port', '0', '--store', 'oracle://host/db'],
    {},
    '--store must be memory:, sqlite:FILE, postgres://… or nats://…, got oracle:…',
  ],
  [
    [],
    { POKEWIRE_TOKEN: 'secret', POKEWIRE_PORT: '0' },
    'pokewire: POKEWIRE_TOKEN is malformed: a token begins with ns_',
  ],
  [[], { POKEWIRE_STORE: 'oracle://host/db', POKEWIRE_PORT: '0' }, 'pokewire: POKEWIRE_STORE must be memory:'],
  [['--token', 'secret'], { POKEWIRE_TOKEN: 'other', POKEWIRE_PORT: '0' }, 'pokewire: --token is malformed'],
  [['export', '--url', 'nowhere'], {}, '--url must be a URL such as http://localhost:8080, got "nowhere"'],
  [['export', '--prot', '1'], {}, "Unknown option '--prot'"],
  [['import', '--file', ''], {}, '--file cannot be empty.'],
  [['store', 'init'], {}, 'URL is missing; see "pokewire help store init".'],
  [['store', 'init', 'sqlite:a.db'], {}, 'only postgres:// stores need to be initialized'],
  [['store', 'inti', 'x'], {}, 'Unknown command "store inti"; did you mean store init?'],
  [['backup'], {}, 'FILE is missing; see "pokewire help backup".'],
  [['backup', 'a.db', '--prot', '1'], {}, "Unknown option '--prot'"],
  [['backup', 'a.db', '--url', 'nowhere'], {}, '--url must be a URL such as http://localhost:8080, got "nowhere"'],
])('It refuses to start with %j and %j, and says why.', async (args, env, sentence) => {
  await using server = new SpokenProcess(args, env);
  expect(await server.exit).toBe(2);
  expect(server.stderr).toMatch(/^pokewire: [^\n]+\n$/);
  expect(server.stderr).toContain(sentence);
  expect(server.stdout).toBe('');
});

test('If the database is unreachable, "store init" fails with a message and exit code 1.', async () => {
  await using init = new SpokenProcess(['store', 'init', 'postgres://postgres@127.0.0.1:1/message_store']);
  expect(await init.exit).toBe(1);
  expect(init.stderr).toMatch(/^pokewire: PostgreSQL at 127\.0\.0\.1:1 cannot be used: [^\n]+\n$/);
});

test('Addresses other than loopback are served with --insecure.', async () => {
  await using server = new SpokenProcess(['--host', '0.0.0.0', '--port', '0', '--insecure']);
  const { port } = await server.listening();
  expect((await fetch(`http://127.0.0.1:${port}/ready`)).status).toBe(200);
});

test('A port in use stops the start with a message that names it.', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using server = new SpokenProcess(['--port', String(port)]);
  expect(await server.exit).toBe(1);
  expect(server.stderr).toContain(`port ${port} of 127.0.0.1 is in use`);
  taken.close();
});

test.each([
  ['nosuch.invalid', '--host: the name nosuch.invalid has no address'],
  ['203.0.113.7', '--host: 203.0.113.7 is not an address of this machine'],
])('A host that cannot be listened on stops the start with a sentence that names it: %s.', async (host, sentence) => {
  await using server = new SpokenProcess(['--host', host, '--port', '0', '--insecure']);
  expect(await server.exit).toBe(1);
  expect(server.stderr).toMatch(/^pokewire: [^\n]+\n$/);
  expect(server.stderr).toContain(sentence);
});

test('The help of the server lists its settings, and --version prints the version that /version returns.', async () => {
  await using help = new SpokenProcess(['serve', '--help']);
  expect(await help.exit).toBe(0);
  expect(help.stdout).toContain('--heartbeat-ms');
  await using version = new SpokenProcess(['--version']);
  expect(await version.exit).toBe(0);
  await using server = new SpokenProcess(['--port', '0']);
  const response = await fetch(new URL('/version', await server.listening()));
  expect(await response.json()).toEqual({ version: version.stdout.trim() });
});

test('SIGTERM ends subscriptions after pending pokes are delivered, and exits with 0.', async () => {
  await using server = new SpokenProcess(['--port', '0']);
  const url = await server.listening();
  await using client = await SseClient.subscribe(Number(url.port), '/subscribe?category=a');
  const appended = fetch(new URL('/streams/a-1/messages', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(new Array(1_000).fill({ type: 'X', data: {} })),
  });
  expect((await appended).status).toBe(201);
  server.kill('SIGTERM');
  expect(await client.closed).toBeUndefined();
  expect(client.pokes).toHaveLength(1_000);
  expect(await server.exit).toBe(0);
  expect(server.logged('unsubscribed')).toMatchObject([{ reason: 'draining', pokes: 1_000, kind: 'category' }]);
});

test('With a drain time subscriptions end one by one while running requests are answered, and no new connection is accepted.', async () => {
  await using server = new SpokenProcess(['--port', '0', '--drain-ms', '2000']);
  const { port } = await server.listening();
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => SseClient.connect(Number(port), '/subscribe?all=true')),
  );
  const ended: number[] = [];
  for (const [n, client] of clients.entries()) void client.closed.then(() => ended.push(n));
  server.kill('SIGTERM');
  await poll(() => ended.length).toBeGreaterThan(0);
  // The connections do not end all at once: when the first have ended, others have not.
  expect(clients.some(({ isClosed }) => !isClosed)).toBe(true);
  await expect(fetch(`http://127.0.0.1:${port}/ready`)).rejects.toThrow();
  expect(await server.exit).toBe(0);
  expect(ended).toHaveLength(20);
});

test('A second signal exits at once, even during a drain.', async () => {
  await using server = new SpokenProcess(['--port', '0', '--drain-ms', '86400000']);
  const { port } = await server.listening();
  const clients = await Promise.all([1, 2].map(() => SseClient.connect(Number(port), '/subscribe?all=true')));
  server.kill('SIGINT');
  await poll(() => server.logged('stopping; a second signal stops at once')).toHaveLength(1);
  server.kill('SIGINT');
  expect(await server.exit).toBe(1);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

test('Standard output has one JSON line per request and for the start and end of a subscription, without queries.', async () => {
  await using server = new SpokenProcess(['--port', '0']);
  const url = await server.listening();
  await fetch(new URL('/streams?prefix=secret', url));
  await using client = await SseClient.connect(Number(url.port), '/subscribe?category=a&token=secret');
  client.destroy();
  await poll(() => server.logged('unsubscribed')).toHaveLength(1);
  expect(server.logged('request')).toMatchObject([{ method: 'GET', path: '/streams', status: 200 }]);
  expect(server.logged('subscribed')).toMatchObject([{ kind: 'category', categories: 1 }]);
  expect(server.logged('unsubscribed')).toMatchObject([{ reason: 'peer', pokes: 0 }]);
  expect(server.stdout).not.toContain('secret');
});
