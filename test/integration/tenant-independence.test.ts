import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { type Route, routesOfApp } from '../support/routes.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken, RpcClient } from './rpc-client.ts';

const otherId = 'unmentionable';
const otherStream = 'unmentionable-98765';
const otherCount = 1_237;

const ownStream = 'account-123';
const message = { type: 'Happened', data: { amount: 1 } };

/** A server with a tenant whose admin token is used, alone or together with another tenant. */
type World = {
  readonly app: TestApp;
  readonly operator: RpcClient;
  readonly own: RpcClient;
  /** Appends a message to the other tenant's log, if there is one. */
  readonly otherAppends: () => Promise<void>;
} & AsyncDisposable;

type Ask = {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly token?: string;
};

/** The parts of an answer that could depend on another tenant. */
type Told = { readonly status: number; readonly headers: Readonly<Record<string, unknown>>; readonly text: string };

async function startWorld(hasOther: boolean): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const app = await startTestApp([`--token=${adminToken}`, '--metrics-token=scrape']);
  stack.use(app);
  const operator = new RpcClient(app.url, adminToken);
  const own = await operator.tenant('own');
  await own.write(ownStream, message);
  let otherAppends = async () => {};
  if (hasOther) {
    const other = await operator.tenant(otherId);
    const messages = JSON.stringify(Array.from({ length: otherCount }, () => message));
    const path = `/streams/${otherStream}/messages`;
    expect((await ask(app, { method: 'POST', path, body: messages, token: other.token! })).status).toBe(201);
    for (let client = 0; client < 5; client++) {
      stack.use(await SseClient.connect(app.port, `/subscribe?all=true&token=${other.token}`));
    }
    otherAppends = async () => {
      await other.write(otherStream, message);
    };
  }
  const opened = stack.move();
  return { app, operator, own, otherAppends, [Symbol.asyncDispose]: async () => await opened.disposeAsync() };
}

/** Sends a request with any method, which browser-like clients would not. */
async function ask({ port }: TestApp, { method, path, body, token }: Ask): Promise<Told> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const sending = request({ port, method, path, headers, agent: false });
  sending.end(body);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  sending.on('response', resolve).on('error', reject);
  const response = await promise;
  return told(response.statusCode!, response.headers, await text(response), port);
}

/** Removes random values and times, which are independent of other tenants. */
function told(status: number, headers: Readonly<Record<string, unknown>>, body: string, port: number): Told {
  const { date: _date, 'content-length': _length, 'retry-after': _after, ...kept } = headers;
  const without = (said: string) =>
    said
      .replaceAll(/ns_[\w-]+_[0-9a-f]{64}/g, 'TOKEN')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
      .replaceAll(/(?<=\d-)[0-9a-f]{12}\b/g, 'LOG')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/"(ticket|elapsed|sentMs)":("[^"]*"|[\d.]+)/g, '"$1":…')
      .replaceAll(/"sent":[\d.]+/g, '"sent":…')
      .replaceAll(/^retry: ?\d+/gm, 'retry')
      .replaceAll(String(port), 'PORT');
  return { status, headers: JSON.parse(without(JSON.stringify(kept))), text: without(body) };
}

/** Query and other parameters for a useful answer, by method and pattern; all other routes are requested as they are. */
const queries: Readonly<Record<string, readonly string[]>> = {
  'GET /streams': ['?prefix=unmentionable', '?limit=1'],
  'GET /categories/:category/messages': ['?batchSize=-1', '?consumer=0&size=2'],
  'GET /streams/:stream/messages': ['?globalPosition=0', '?position=1237'],
  'GET /export': ['?category=unmentionable'],
  'POST /import': ['?force=true'],
  'PUT /retention': ['?dryRun=true'],
  'PUT /categories/:category/retention': ['?dryRun=true'],
  'POST /streams/:stream/messages': ['?expectedVersion=1236'],
};

const record = (stream: string, place: number) =>
  `{"id":"${stream} ${place}","stream":"${stream}","type":"T","pos":${place},"gpos":${place},"time":"2026-11-21T03:28:39Z"}\n`;

/** Bodies missing from the description. */
const bodies: Readonly<Record<string, readonly string[]>> = {
  'POST /import': [record(otherStream, 1_237), record(ownStream, 2_000), ''],
  'POST /subscribe/ticket': ['{"all":true}', `{"streams":["${otherStream}"]}`],
};

const calls: readonly (readonly [method: string, ...unknown[]])[] = [
  ['sys.version'],
  ['sys.health'],
  ['ns.list'],
  ['ns.info', otherId],
  ['ns.info', 'own'],
  ['ns.info', 'default'],
  ['ns.streams'],
  ['ns.streams', { prefix: otherId }],
  ['ns.categories'],
  ['ns.create', otherId],
  ['ns.create', 'fresh'],
  ['ns.token.list', otherId],
  ['ns.token.list', 'own'],
  ['ns.token.create', otherId, { scope: 'read' }],
  ['ns.token.create', 'own', { scope: 'read' }],
  ['ns.token.revoke', otherId, '00000000-0000-4000-8000-000000000000'],
  ['ns.retention.list'],
  ['ns.retention.set', { category: otherId, maxMessages: 1 }],
  ['ns.retention.delete', { category: otherId }],
  ['stream.get', otherStream],
  ['stream.get', ownStream],
  ['stream.last', otherStream],
  ['stream.version', otherStream],
  ['category.get', otherId],
  ['category.get', ''],
  ['stream.write', otherStream, message, { expectedVersion: 1_236 }],
  ['stream.write', otherStream, message],
  ['stream.erase', otherStream, { position: 0 }],
  ['ns.delete', otherId],
];

const order = ['GET', 'HEAD', 'TRACE', 'QUERY', 'PATCH', 'OPTIONS', 'POST', 'PUT', 'DELETE'];

/** Every request of a tenant to a route: about its own names and about the other's. */
function asksOf({ method, url, bodies: shown = [] }: Route): Ask[] {
  const key = `${method} ${url}`;
  const paths = [
    url.replace(':stream', otherStream).replace(':category', otherId),
    url.replace(':stream', ownStream).replace(':category', 'account'),
  ].map((path) => path.replace(':position', '0').replace('*', 'nothing'));
  const sent = [...shown, ...(bodies[key] ?? [])];
  return [...new Set(paths)].flatMap((path) =>
    ['', ...(queries[key] ?? [])].flatMap((query): Ask[] =>
      (sent.length === 0 ? [undefined] : sent).map((body) => ({
        method,
        path: path + query,
        ...(body !== undefined && { body }),
      })),
    ),
  );
}

/** The same tenant alone and together with another one. */
class Worlds implements AsyncDisposable {
  readonly #alone: World;
  readonly #beside: World;

  static async start(): Promise<Worlds> {
    await using stack = new AsyncDisposableStack();
    const worlds = new Worlds(stack.use(await startWorld(false)), stack.use(await startWorld(true)));
    stack.move();
    return worlds;
  }

  private constructor(alone: World, beside: World) {
    this.#alone = alone;
    this.#beside = beside;
  }

  /** Runs the function in both worlds. */
  both<T>(run: (world: World) => Promise<T>): Promise<[alone: T, beside: T]> {
    return Promise.all([run(this.#alone), run(this.#beside)]);
  }

  async expectSame(asked: Omit<Ask, 'token'>, tokenOf = ({ own }: World) => own.token): Promise<void> {
    const [alone, beside] = await this.both((world) => ask(world.app, { ...asked, token: tokenOf(world)! }));
    expect([asked, beside]).toEqual([asked, alone]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.both(async (world) => await world[Symbol.asyncDispose]());
  }
}

const isSubscription = ({ method, url }: Route) => method === 'GET' && url === '/subscribe';

describe('A tenant gets the same answers, whether there is another one or not,', () => {
  test('by every route, in every method', async () => {
    await using worlds = await Worlds.start();
    const asks = (await routesOfApp())
      .filter((route) => !isSubscription(route))
      .sort((one, other) => order.indexOf(one.method) - order.indexOf(other.method))
      .flatMap(asksOf);
    for (const asked of asks) await worlds.expectSame(asked);
    const paths = new Set(asks.map(({ path }) => path));
    for (const path of ['/import', '/export', '/diagnose', '/docs', '/metrics', '/rpc', '/ready', '/backup']) {
      expect(paths).toContain(path);
    }
    expect(asks.length).toBeGreaterThan(400);
  });

  test('by every method of /rpc', async () => {
    await using worlds = await Worlds.start();
    for (const call of calls) await worlds.expectSame({ method: 'POST', path: '/rpc', body: JSON.stringify(call) });
    expect(new Set(calls.map(([method]) => method))).toEqual(new Set(rpcMethods()));
  });

  test('by the refusal of an invalid token', async () => {
    await using worlds = await Worlds.start();
    for (const id of [otherId, 'own', 'nobody']) {
      await worlds.expectSame({ method: 'GET', path: '/streams' }, () => newToken(id));
    }
  });

  test.each(['all=true', `stream=${ownStream}`, `category=account&stream=${otherStream}`])(
    'by a subscription to %s while the other one appends',
    async (selectors) => {
      await using worlds = await Worlds.start();
      const [alone, beside] = await worlds.both(async ({ app, own, otherAppends }) => {
        const path = `/subscribe?${selectors}&hello=true&heartbeat=head&heartbeatMs=60000&token=${own.token}`;
        await using client = await SseClient.connect(app.port, path);
        await client.waitFor(({ events }) => events.some(({ type }) => type === 'hello'));
        await otherAppends();
        const { globalPosition } = await own.write(ownStream, message);
        await client.waitFor(({ pokes }) => pokes.at(-1)?.globalPosition === globalPosition);
        const { status, headers } = client.head;
        const events = client.events.map(({ type, data, lastEventId }) => `${type}: ${data} ${lastEventId}`).join('\n');
        return told(status, Object.fromEntries(headers), events, app.port);
      });
      expect(beside).toEqual(alone);
    },
  );
});

test.each([['ns.list'], ['ns.info', otherId], ['sys.health']])(
  'An operator is authorized to learn about tenants: %s',
  async (...call) => {
    await using worlds = await Worlds.start();
    const body = JSON.stringify(call);
    const [alone, beside] = await worlds.both(({ app }) =>
      ask(app, { method: 'POST', path: '/rpc', body, token: adminToken }),
    );
    expect(beside.text).not.toEqual(alone.text);
  },
);

/** Names of methods, from the source. */
function rpcMethods(): string[] {
  const folder = new URL('../../src/http/eventodb/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('-methods.ts'))
    .flatMap((name) => [...readFileSync(new URL(name, folder), 'utf8').matchAll(/^ {4}'([a-z.]+)': \{/gm)])
    .map(([, name]) => name!);
}
