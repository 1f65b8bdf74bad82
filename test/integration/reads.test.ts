import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import type { MessagePage } from '../../src/store/log.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { logGone } from '../../src/store/shared/log-gone.ts';
import type { Store } from '../../src/store/store.ts';
import { Exposition } from '../support/exposition.ts';
import { FakeStore } from '../support/fake-store.ts';
import { ended, importBody, recordAt } from '../support/import-client.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

const admin = newToken('default');
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A request with a token. With a body, it is a call. */
type Asked = { readonly path: string; readonly call?: readonly unknown[] };

const ask = (url: string, token: string, { path, call }: Asked) =>
  fetch(url + path, {
    headers: bearer(token),
    ...(call === undefined ? {} : { method: 'POST', body: JSON.stringify(call) }),
  });

/** Every way to read all of what {@link fill} stores. */
const longReads: Asked[] = [
  { path: '/streams/a-1/messages?batchSize=-1' },
  { path: '/categories/a/messages?batchSize=-1' },
  { path: '/rpc', call: ['stream.get', 'a-1', { batchSize: -1 }] },
  { path: '/rpc', call: ['category.get', '', { batchSize: -1 }] },
];

const manyRecords = (from = 1, count = 30): string =>
  Array.from({ length: count }, (_value, n) =>
    recordAt(`a-1/${n}@${n + from}`, { data: { text: 'x'.repeat(500_000) } }),
  ).join('');

/** More than sockets buffer, so that an answer waits for its reader. */
async function fill({ url }: Pick<TestApp, 'url'>, token: string): Promise<void> {
  expect((await importBody(`${url}/import`, manyRecords(), bearer(token))).events.at(-1)).toMatchObject({ done: true });
}

/** An answer whose first piece was read; `readOn` reads the rest. */
async function begin(url: string, token: string, asked: Asked) {
  const response = await ask(url, token, asked);
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = decoder.decode((await reader.read()).value, { stream: true });
  return {
    status: response.status,
    cancel: () => reader.cancel(),
    async readOn(): Promise<string> {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read())
        text += decoder.decode(piece.value);
      return text;
    },
  };
}

async function startWithTenant(flags: readonly string[] = [], change: (store: Store) => Store = (store) => store) {
  const app = await startTestApp(['--token', admin, ...flags], {
    openStore: async (_url, options) => change(new FakeStore(options)),
  });
  const { token: own } = await app.namespaces.create({ id: 'tenant', description: '', token: undefined });
  await fill(app, own);
  return { app, own, [Symbol.asyncDispose]: () => app.close() };
}

describe('reads under way', () => {
  test('are limited, per namespace and in total, and count until the answer is received.', async () => {
    await using tenant = await startWithTenant(['--max-reads', '3', '--max-reads-per-namespace', '2']);
    const { app, own } = tenant;
    await fill(app, admin);
    const readMetrics = async () =>
      new Exposition(await (await fetch(`${app.url}/metrics`, { headers: bearer(admin) })).text());
    for (const [turn, asked] of [...longReads, { path: '/export' }].entries()) {
      const first = await begin(app.url, own, asked);
      const second = await begin(app.url, own, asked);
      const refused = await ask(app.url, own, asked);
      expect([asked, refused.status, ((await refused.json()) as { error: object }).error]).toEqual([
        asked,
        429,
        {
          code: 'RATE_LIMITED',
          message:
            '2 reads of namespace tenant are running, which is the limit. Read the answers of those first, or retry later.',
          details: { maxReadsPerNamespace: 2 },
        },
      ]);
      expect(refused.headers.get('retry-after')).toMatch(/^[1-4]$/);
      // Another namespace gets the third read, and a fourth one is refused.
      const third = await begin(app.url, admin, asked);
      const beyond = await ask(app.url, admin, asked);
      expect([beyond.status, await beyond.text()]).toEqual([429, expect.stringContaining('"maxReads":3')]);
      const metrics = await readMetrics();
      expect(metrics.value('pokewire_reads')).toBe(3);
      expect(metrics.value('pokewire_reads_refused_total', { reason: 'limit' })).toBe(2 * (turn + 1));

      await second.cancel();
      await third.readOn();
      expect((await first.readOn()).length).toBeGreaterThan(15_000_000);
      await expect.poll(() => app.reads.underWay).toBe(0);
    }
  });

  test('leave the last quarter to namespaces that use few.', async () => {
    await using tenant = await startWithTenant(['--max-reads', '8', '--max-reads-per-namespace', '4']);
    const { app, own } = tenant;
    await fill(app, admin);
    const { token: other } = await app.namespaces.create({ id: 'other', description: '', token: undefined });
    const [asked] = longReads as [Asked];
    for (const token of [own, own, own, own, admin, admin]) await begin(app.url, token, asked);
    const refused = await ask(app.url, admin, asked);
    expect([refused.status, ((await refused.json()) as { error: object }).error]).toEqual([
      429,
      {
        code: 'RATE_LIMITED',
        message:
          'Most of the 8 reads are in use, and the rest are reserved for namespaces with few of them. Read the answers of those first, or retry later.',
        details: { maxReads: 8 },
      },
    ]);
    const answered = await ask(app.url, other, asked);
    expect([answered.status, await answered.json()]).toEqual([200, []]);
  });

  const small: Asked[] = [
    { path: '/streams' },
    { path: '/streams/a-1' },
    { path: '/streams/a-1/messages' },
    { path: '/streams/a-1/messages/last' },
    { path: '/categories' },
    { path: '/categories/a/messages' },
    { path: '/export' },
    ...['stream.get', 'stream.last', 'stream.version', 'category.get'].map((method) => ({
      path: '/rpc',
      call: [method, 'a-1'],
    })),
    ...['ns.list', 'ns.streams', 'ns.categories'].map((method) => ({ path: '/rpc', call: [method] })),
    { path: '/rpc', call: ['ns.info', 'tenant'] },
  ];

  test('are counted for every route and method that reads the store for its answer, and for no other.', async () => {
    await using tenant = await startWithTenant(['--max-reads', '1']);
    const { app, own } = tenant;
    const holding = await begin(app.url, own, longReads[0]!);
    for (const asked of small) expect([asked, (await ask(app.url, own, asked)).status]).toEqual([asked, 429]);
    for (const path of ['/health', '/ready', '/version', '/metrics']) {
      expect((await ask(app.url, admin, { path })).status).toBe(200);
    }
    expect((await ask(app.url, own, { path: '/rpc', call: ['sys.health'] })).status).toBe(200);
    await holding.readOn();
    await expect.poll(() => app.reads.underWay).toBe(0);
    for (const asked of small) {
      const response = await ask(app.url, own, asked);
      await response.text();
      await expect.poll(() => app.reads.underWay).toBe(0);
      expect([asked, response.status]).toEqual([asked, 200]);
    }
  });

  test('are released when clients leave, pipelined or not.', async () => {
    await using tenant = await startWithTenant();
    const { app, own } = tenant;
    for (const count of [1, 4]) {
      const socket = connect(app.port, '127.0.0.1');
      const head = `Host: x\r\nAuthorization: Bearer ${own}\r\n\r\n`;
      socket.write(`GET /streams/a-1/messages?batchSize=-1 HTTP/1.1\r\n${head}`.repeat(count));
      await once(socket, 'data');
      socket.pause();
      expect(app.reads.underWay).toBeGreaterThan(0);
      socket.destroy();
      await expect.poll(() => app.reads.underWay).toBe(0);
    }
  });

  test('stop once their client has left, even if no page has a match.', async () => {
    const faults = new StoreFaults();
    await using app = await startTestApp([], {
      openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
    });
    for (let n = 0; n < 5; n++) await app.append('a-1', new Array(10_000).fill({ type: 'T', data: {} }));
    for (const path of [
      '/categories/a/messages?batchSize=-1&correlation=none',
      '/categories/a/messages?correlation=none',
    ]) {
      const before = faults.calls.get('read') ?? 0;
      faults.hold('read');
      const socket = connect(app.port, '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      await expect.poll(() => faults.calls.get('read')).toBe(before + 1);
      socket.destroy();
      await expect.poll(() => app.reads.underWay).toBe(0);
      faults.mend();
      for (let turn = 0; turn < 50; turn++) await nextTurn();
      expect(faults.calls.get('read')).toBe(before + 1);
    }
  });
});

describe('an answer of several pages', () => {
  const lengthOf = async (answer: Promise<string>) => (await answer).length;

  test('is cut off when its token is revoked, and no others are.', async () => {
    await using tenant = await startWithTenant();
    const { app, own } = tenant;
    const { id, token } = await app.namespaces.createToken('tenant', {
      label: '',
      scope: 'read',
      expiresAtMs: undefined,
    });
    const ending = await Promise.all(longReads.map((asked) => begin(app.url, token, asked)));
    const staying = await begin(app.url, own, longReads[0]!);
    await app.namespaces.revokeToken('tenant', id);
    await expect.poll(() => app.reads.underWay).toBe(1);
    for (const answer of ending) await expect(lengthOf(answer.readOn())).rejects.toThrow();
    expect(JSON.parse(await staying.readOn())).toHaveLength(30);
  });

  test('never mixes two logs: it is cut off when an import replaces the log.', async () => {
    await using tenant = await startWithTenant();
    const { app, own } = tenant;
    const ending = await Promise.all(longReads.map((asked) => begin(app.url, own, asked)));
    const { events } = await importBody(`${app.url}/import?force=true`, ended(manyRecords(1, 35)), bearer(own));
    expect(events.at(-1)).toMatchObject({ imported: 35 });
    for (const answer of ending) await expect(lengthOf(answer.readOn())).rejects.toThrow();
  });

  test('breaks off when its namespace is deleted.', async () => {
    await using tenant = await startWithTenant();
    const { app, own } = tenant;
    const ending = await Promise.all(longReads.map((asked) => begin(app.url, own, asked)));
    await app.namespaces.remove('tenant');
    for (const answer of ending) await expect(lengthOf(answer.readOn())).rejects.toThrow();
  });

  test('breaks off when one of its pages comes from another log, as at another node.', async () => {
    let pages = 0;
    const mix =
      (read: Pages) =>
      async (...args: readonly unknown[]) => {
        const page = await read(...args);
        return pages++ === 0 ? page : { ...page, epoch: newLogId() };
      };
    await using tenant = await startWithTenant([], (store) => withReads(store, mix));
    for (const asked of [...longReads, { path: '/export' }]) {
      pages = 0;
      const response = await ask(tenant.app.url, tenant.own, asked);
      expect(response.status).toBe(200);
      await expect(lengthOf(response.text())).rejects.toThrow();
    }
  });

  test('that names its log comes from that log only, even if there is nothing to read.', async () => {
    await using tenant = await startWithTenant();
    const { app, own } = tenant;
    const { log } = await app.namespaces.get('tenant');
    for (const path of ['/streams/a-1/messages', '/categories/a/messages', '/streams/none-1/messages']) {
      const statusOf = async (epoch: string) => (await ask(app.url, own, { path: `${path}?epoch=${epoch}` })).status;
      expect([path, await statusOf(log), await statusOf(newLogId())]).toEqual([path, 200, 410]);
    }
  });

  test('is refused if the log is gone before anything was sent.', async () => {
    await using tenant = await startWithTenant([], (store) => withReads(store, () => () => Promise.reject(logGone())));
    for (const asked of longReads) {
      const response = await ask(tenant.app.url, tenant.own, asked);
      expect([response.status, await response.text()]).toEqual([410, expect.stringContaining('LOG_GONE')]);
    }
  });
});

test('A list of more categories than a page holds is complete, and its pages are read as the client receives them.', async () => {
  await using app = await startTestApp([]);
  const names = Array.from({ length: 2_000 }, (_value, n) => `c${String(n).padStart(4, '0')}`);
  const lines = names.map((name, n) => recordAt(`${name}-1/0@${n + 1}`));
  for (const count of [999, 1_000, 1_001, 2_000]) {
    await importBody(`${app.url}/import?force=true`, ended(lines.slice(0, count).join('')));
    const response = await fetch(`${app.url}/rpc`, { method: 'POST', body: '["ns.categories"]' });
    const text = await response.text();
    expect([response.headers.get('content-type'), text.at(-1)]).toEqual(['application/json', '\n']);
    expect(JSON.parse(text)).toEqual(
      names.slice(0, count).map((category) => ({ category, streamCount: 1, messageCount: 1 })),
    );
  }
});

test('A list of many namespaces is complete and in order, and is read page by page.', async () => {
  const asked: number[] = [];
  const countLogs = (store: Store) =>
    new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'summarize') return typeof value === 'function' ? value.bind(target) : value;
        return (logs: Parameters<Store['summarize']>[0]) => {
          asked.push(logs.length);
          return target.summarize(logs);
        };
      },
    });
  await using app = await startTestApp(['--token', admin], {
    openStore: async (_url, options) => countLogs(new FakeStore(options)),
  });
  const ids = Array.from({ length: 2_500 }, (_, number) => `tenant-${number}`);
  for (const id of ids.toReversed()) await app.namespaces.create({ id, description: '', token: undefined });
  asked.length = 0;
  const response = await ask(app.url, admin, { path: '/rpc', call: ['ns.list'] });
  const listed = (await response.json()) as { namespace: string }[];
  expect([response.headers.get('content-type'), listed.map(({ namespace }) => namespace)]).toEqual([
    'application/json',
    ['default', ...ids.toSorted()],
  ]);
  expect(asked).toEqual([1_000, 1_000, 501]);
});

test('Answers that nobody reads occupy one page each, and a server with a small heap continues to serve.', async () => {
  const flags = ['--port', '0', '--host', '127.0.0.1', '--max-reads', '100', '--max-reads-per-namespace', '0'];
  await using server = new SpokenProcess(flags, {}, { nodeFlags: ['--max-old-space-size=96'] });
  const { origin, port } = await server.listening();
  await fill({ url: origin }, '');
  const readMetrics = async () => new Exposition(await (await fetch(`${origin}/metrics`)).text());
  const readBytes = async () => {
    const metrics = await readMetrics();
    return metrics.value('nodejs_heap_size_used_bytes') + metrics.value('nodejs_external_memory_bytes');
  };
  const before = await readBytes();
  const sockets = Array.from({ length: 120 }, () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('GET /streams/a-1/messages?batchSize=-1 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return socket.on('error', () => {}).pause();
  });
  await expect.poll(async () => (await readMetrics()).value('pokewire_reads'), { timeout: 30_000 }).toBe(100);
  await expect
    .poll(async () => (await readMetrics()).value('pokewire_reads_refused_total', { reason: 'limit' }))
    .toBe(20);
  // A page is 1 MiB here; garbage is freed by the next collection.
  await expect.poll(async () => (await readBytes()) - before, { timeout: 30_000 }).toBeLessThan(100 * 1.3 * 1_048_576);
  for (const socket of sockets) socket.destroy();
  await expect.poll(async () => (await readMetrics()).value('pokewire_reads'), { timeout: 30_000 }).toBe(0);
  expect(JSON.parse(await (await fetch(`${origin}/streams/a-1/messages?batchSize=-1`)).text())).toHaveLength(30);
});

type Pages = (...args: readonly unknown[]) => Promise<MessagePage>;

/** A store whose logs read pages with the function that `change` returns. */
function withReads(store: Store, change: (read: Pages) => Pages): Store {
  const changed = (log: object) =>
    new Proxy(log, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const bound = value.bind(target) as Pages;
        return name === 'read' || name === 'readStream' ? change(bound) : bound;
      },
    });
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'log') return (id: string) => changed(target.log(id as never));
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
