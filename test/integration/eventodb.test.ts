import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withoutTags } from '../support/cursors.ts';
import { freePort } from '../support/free-port.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import {
  adminToken,
  blockParser,
  callRpc,
  chunkParser,
  dataLineParser,
  RpcClient,
  type RpcError,
  type SdkParser,
  SdkSubscription,
} from './rpc-client.ts';

// Behaviour that EventoDB's SDKs and suites rely on, one fact per test.

const message = { type: 'Happened', data: {} };

const parsers: [string, () => SdkParser][] = [
  ['by chunk', chunkParser],
  ['by data lines', dataLineParser],
  ['by blocks', blockParser],
];

let app: TestApp;
let client: RpcClient;
let tenants = 0;

beforeAll(async () => {
  app = await startTestApp(['--test-mode', `--token=${adminToken}`]);
});

afterAll(() => app.close());

// Each test has its own namespace, whose token the suite generates.
beforeEach(async () => {
  const id = `t_${(tenants++).toString(36)}_lx3k_9f2a`;
  const token = `ns_${Buffer.from(id).toString('base64url')}_${'0'.repeat(64)}`;
  await new RpcClient(app.url, adminToken).createNamespace(id, { token });
  client = new RpcClient(app.url, token);
});

const poll = <T>(read: () => T) => expect.poll(read, { timeout: 50_000 });
const subscribe = (query: Record<string, string>, parser = chunkParser()) =>
  SdkSubscription.open(app.url, { ...query, token: client.token! }, parser);

describe('The SDK for Node', () => {
  test('adopts the token that test mode returns, and keeps one it was given.', async () => {
    const tokenless = new RpcClient(app.url);
    await tokenless.call('sys.version');
    expect(tokenless.token).toBe(adminToken);
    await client.call('sys.version');
    expect(client.token).not.toBe(adminToken);
  });

  test('raises errors with their code, message and details.', async () => {
    await client.write('a-1', message);
    const error = await client.write('a-1', message, { expectedVersion: 5 }).catch((raised: RpcError) => raised);
    expect(error).toMatchObject({
      code: 'STREAM_VERSION_CONFLICT',
      message: expect.stringMatching(/./),
      details: { expected: 5, actual: 0 },
      status: 409,
    });
    await expect(client.call('stream.write', 'a-1')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(client.call('invalid.method')).rejects.toMatchObject({ code: 'METHOD_NOT_FOUND' });
  });

  test('may leave out trailing arguments.', async () => {
    await client.call('stream.write', 'a-1', message);
    for (const [method, ...args] of [
      ['stream.get', 'a-1'],
      ['stream.last', 'a-1'],
      ['category.get', 'a'],
      ['ns.list'],
    ]) {
      expect(await client.call(method!, ...args)).not.toHaveLength(0);
    }
  });
});

describe('Writers at once', () => {
  test('to a hundred streams all get position 0 and distinct global positions.', async () => {
    const written = await Promise.all(Array.from({ length: 100 }, (_, n) => client.write(`stream-${n}`, message)));
    expect(new Set(written.map(({ position }) => position))).toEqual(new Set([0]));
    expect(new Set(written.map(({ globalPosition }) => globalPosition)).size).toBe(100);
  });

  test('show readers a stream that only grows.', async () => {
    const seen: number[] = [];
    let isWriting = true;
    const read = async () => {
      while (isWriting) seen.push((await client.get('a-1')).length);
    };
    const reading = read();
    for (let n = 0; n < 20; n++) await client.write('a-1', { type: 'T', data: { n } });
    isWriting = false;
    await reading;
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(await client.get('a-1')).toHaveLength(20);
  });

  test('in ten namespaces never see each other’s messages.', async () => {
    const admin = new RpcClient(app.url, adminToken);
    const run = async (n: number) => {
      const own = await admin.tenant(`parallel-${n}`);
      for (let i = 0; i < 5; i++) await own.write('shared-1', { type: 'T', data: { n } });
      return (await own.get('shared-1')).map((row) => row[4].n);
    };
    const seen = await Promise.all(Array.from({ length: 10 }, (_, n) => run(n)));
    expect(seen).toEqual(Array.from({ length: 10 }, (_, n) => Array(5).fill(n)));
  });
});

describe('Consumer groups', () => {
  test('partition a category without overlap or gap, the same by reading and by subscribing.', async () => {
    const size = 3;
    const streams = Array.from({ length: 12 }, (_, n) => `payment-stream${n}`);
    for (const stream of streams.slice(0, 6)) await client.write(stream, message);
    await using members = new AsyncDisposableStack();
    const told: SdkSubscription[] = [];
    for (let member = 0; member < size; member++) {
      const query = { category: 'payment', position: '0', consumer: String(member), size: String(size) };
      told.push(members.use(await subscribe(query)));
    }
    for (const stream of streams.slice(6)) await client.write(stream, message);
    await poll(() => told.flatMap(({ pokes }) => pokes)).toHaveLength(12);
    for (const [member, { pokes }] of told.entries()) {
      const read = await client.category('payment', { consumerGroup: { member, size } });
      expect(pokes.map(({ stream }) => stream)).toEqual(read.map((row) => row[1]));
    }
    expect(told.flatMap(({ pokes }) => pokes.map(({ stream }) => stream)).sort()).toEqual(streams.sort());
  });

  test('keep compound ids of one cardinal id together.', async () => {
    for (const stream of ['entity-123+alice', 'entity-123+bob', 'entity-456+carol'])
      await client.write(stream, message);
    const streamsOf = async (member: number) =>
      (await client.category('entity', { consumerGroup: { member, size: 2 } })).map((row) => row[1]);
    expect(await streamsOf(1)).toEqual(expect.arrayContaining(['entity-123+alice', 'entity-123+bob']));
    expect([...(await streamsOf(0)), ...(await streamsOf(1))]).toHaveLength(3);
  });

  test('can be named as on the example pages.', async () => {
    await using own = await subscribe({ category: 'x', consumerGroupMember: '1', consumerGroupSize: '2' });
    // By the protocol's test vectors, "2" belongs to member 1 and "1" to member 0.
    for (const stream of ['x-1', 'x-2']) await client.write(stream, message);
    await poll(() => own.pokes).toEqual([{ stream: 'x-2', position: 0, globalPosition: 2 }]);
  });
});

describe.each(parsers)('A subscriber that parses %s', (_how, parser) => {
  test('receives existing and new messages of a stream once each.', async () => {
    for (let n = 0; n < 3; n++) await client.write('a-1', message);
    await using subscription = await subscribe({ stream: 'a-1', position: '1' }, parser());
    for (let n = 0; n < 3; n++) await client.write('a-1', message);
    await poll(() => subscription.pokes).toHaveLength(5);
    expect(subscription.pokes).toEqual(
      [1, 2, 3, 4, 5].map((position) => ({ stream: 'a-1', position, globalPosition: position + 1 })),
    );
  });

  test('receives a category with full stream names.', async () => {
    await client.write('a-1', message);
    await using subscription = await subscribe({ category: 'a', position: '0' }, parser());
    await client.write('a-2', message);
    await client.write('b-1', message);
    await client.write('a', message);
    await poll(() => subscription.pokes).toHaveLength(3);
    expect(subscription.pokes.map(({ stream }) => stream)).toEqual(['a-1', 'a-2', 'a']);
  });

  test('receives everything new, and nothing old.', async () => {
    for (let n = 0; n < 3; n++) await client.write('a-1', message);
    await using subscription = await subscribe({ all: 'true', position: '0' }, parser());
    await client.write('b-1', message);
    await poll(() => subscription.pokes).toEqual([{ stream: 'b-1', position: 0, globalPosition: 4 }]);
  });

  test('continues after heartbeats.', async () => {
    await using quick = await startTestApp(['--test-mode', '--heartbeat-ms', '20']);
    await using beats = await SseClient.connect(quick.port, '/subscribe?category=a');
    await using subscription = await SdkSubscription.open(quick.url, { category: 'a', token: '' }, parser());
    await beats.waitFor(() => beats.comments.filter((comment) => comment === '').length >= 3, 'three heartbeats');
    await callRpc(quick.url, ['stream.write', 'a-1', message]);
    await poll(() => subscription.pokes).toEqual([{ stream: 'a-1', position: 0, globalPosition: 1 }]);
  });
});

describe('GET /subscribe (section 8)', () => {
  const open = (query: string) => SseClient.connect(app.port, `/subscribe?${query}&token=${client.token}`);

  test.each(['stream=a-1', 'category=a', 'all=true'])(
    'with %s answers at once: status, headers, ready.',
    async (query) => {
      await using subscriber = await open(query);
      await subscriber.waitFor(({ bytes }) => bytes.length >= ': ready\n\n'.length, 'the ready comment');
      expect(subscriber.head.status).toBe(200);
      expect(subscriber.head.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      expect(subscriber.head.headers.get('cache-control')).toMatch(/^no-cache\b/);
      expect(subscriber.head.headers.get('access-control-allow-origin')).toBe('*');
      expect(subscriber.bytes.toString()).toMatch(/^: ready\n\n/);
    },
  );

  test('writes an event as two lines that the parsers know, the id after them, and no stray empty line.', async () => {
    await using subscriber = await open('stream=account-123');
    await client.write('account-123', message);
    await subscriber.waitForPokes(1);
    expect(withoutTags(subscriber)).toMatch(
      /^: ready\n\nretry: \d+\nevent: poke\ndata: \{"stream":"account-123","position":0,"globalPosition":1\}\nid: 1\n\n$/,
    );
  });

  test.each([
    ['nothing', ''],
    ['empty selectors', 'stream=&category='],
    ['all that is not "true"', 'all=1'],
    ['all with a stream', 'all=true&stream=a-1'],
    ['all with a category', 'all=true&category=a'],
    ['a position that is no integer', 'stream=a-1&position=x'],
    ['a position with a fraction', 'stream=a-1&position=1.5'],
    ['a negative position', 'stream=a-1&position=-1'],
    ['a consumer that is no integer', 'category=a&consumer=x&size=2'],
    ['a size that is no integer', 'category=a&consumer=0&size=x'],
    ['a consumer without size', 'category=a&consumer=1'],
    ['a consumer beside a size of 0', 'category=a&consumer=1&size=0'],
    ['a consumer as large as the size', 'category=a&consumer=2&size=2'],
    ['a negative consumer', 'category=a&consumer=-1&size=2'],
    ['a negative size', 'category=a&consumer=0&size=-2'],
    ['a group without category', 'stream=a-1&consumer=0&size=2'],
  ])('refuses %s.', async (_what, query) => {
    const { status, body } = await app.get(`/subscribe?${query}&token=${client.token}`);
    expect([status, body.error.code]).toEqual([400, 'INVALID_REQUEST']);
  });

  test.each([
    'stream=a-1&position=',
    'stream=a-1&category=',
    'category=a&consumer=&size=',
    'category=a&consumer=0&size=0',
    'category=a&size=2',
    'all=true&stream=',
  ])('takes %s.', async (query) => {
    await using subscriber = await open(query);
    expect(subscriber.head.status).toBe(200);
  });

  test('reads a plus as a space, because the SDK for Go sends names as they are.', async () => {
    await client.write('account-1 x', message);
    await using subscriber = await open('stream=account-1+x');
    await subscriber.waitForPokes(1);
    expect(subscriber.pokes[0]).toMatchObject({ stream: 'account-1 x' });
  });

  test('stays silent beyond the end of a stream until that position is written.', async () => {
    await client.write('a-1', message);
    await using subscriber = await open('stream=a-1&position=2');
    await client.write('a-1', message);
    await client.write('a-1', message);
    await subscriber.waitForPokes(1);
    expect(subscriber.pokes).toMatchObject([{ position: 2, globalPosition: 3 }]);
  });

  test('begins "all" at a position beyond the head.', async () => {
    await using subscriber = await open('all=true&position=3');
    for (let n = 0; n < 4; n++) await client.write('a-1', message);
    await subscriber.waitForPokes(2);
    expect(subscriber.pokes.map(({ globalPosition }) => globalPosition)).toEqual([3, 4]);
  });

  test('of a category with a hyphen or of another namespace delivers nothing.', async () => {
    await using hyphenated = await open('category=a-1&position=0');
    const other = await new RpcClient(app.url, adminToken).tenant('isolated');
    await using foreign = await SseClient.connect(app.port, `/subscribe?all=true&token=${other.token}`);
    await using own = await open('category=a');
    await client.write('a-1', message);
    await own.waitForPokes(1);
    await other.write('b-1', message);
    await foreign.waitForPokes(1);
    expect(hyphenated.pokes).toEqual([]);
    expect(foreign.pokes).toMatchObject([{ stream: 'b-1' }]);
  });

  test('delivers a backlog longer than any page completely.', async () => {
    const batch = Array.from({ length: 1_000 }, () => message);
    for (let n = 0; n < 3; n++) await app.append(`long-${n}`, batch, `token=${client.token}`);
    await using subscriber = await open('category=long');
    await subscriber.waitForPokes(3_000);
    await client.write('long-4', message);
    await subscriber.waitForPokes(3_001);
    expect(new Set(subscriber.pokes.map(({ globalPosition }) => globalPosition)).size).toBe(3_001);
  });

  test('refuses a credential like every route, and other methods with 405.', async () => {
    await using closed = await startTestApp([`--token=${adminToken}`]);
    for (const [token, status, code] of [
      ['', 401, 'AUTH_REQUIRED'],
      ['x', 401, 'AUTH_INVALID_TOKEN'],
      [client.token!, 403, 'AUTH_UNAUTHORIZED'],
    ]) {
      const answer = await closed.get(`/subscribe?all=true&token=${token}`);
      expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    }
    const posted = await fetch(`${closed.url}/subscribe?all=true&token=${adminToken}`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, expect.stringContaining('GET')]);
  });
});

describe('The process (section 12)', () => {
  test('accepts the flags of the suites, and restarts on the port it was killed on.', async () => {
    const port = await freePort();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      // Started like EventoDB's black-box suite does.
      await using server = new SpokenProcess(['--test-mode', `--port=${port}`, `--token=${adminToken}`]);
      await healthy(port);
      const suite = new RpcClient(`http://localhost:${port}`, adminToken);
      expect(await suite.createNamespace('suite')).toMatchObject({ namespace: 'suite' });
      await using subscriber = await SseClient.connect(port, `/subscribe?all=true&token=${adminToken}`);
      server.kill(signal);
      await subscriber.closed;
      await server.exit;
    }
  });
});

/** Resolves when `/health` answers. */
async function healthy(port: number): Promise<void> {
  const ask = () =>
    fetch(`http://localhost:${port}/health`).then(
      ({ status }) => status,
      () => undefined,
    );
  await expect.poll(ask, { timeout: 50_000 }).toBe(200);
}
