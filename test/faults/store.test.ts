import { type Logger, pino } from 'pino';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import type { OpenStore } from '../../src/store/open-store.ts';
import { Exposition } from '../support/exposition.ts';
import { FakeStore } from '../support/fake-store.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { type StoreCall, StoreFaults, storeCalls } from '../support/store-faults.ts';

const poll = <T>(read: () => T) => expect.poll(read, { timeout: 50_000 });
const message = { type: 'Happened', data: {} };

/** A server whose store can be slow or fail. */
async function startFaultyApp(
  flags: readonly string[] = [],
  options: { readonly log?: Logger } = {},
): Promise<{ app: TestApp; faults: StoreFaults }> {
  const faults = new StoreFaults();
  const openStore: OpenStore = async (_url, options) => {
    const store = new FakeStore(options);
    // Small pages, so that a catch-up has many and can fail in the middle.
    store.pagePokes = 10;
    return faults.wrap(store);
  };
  return { app: await startTestApp(flags, { openStore, ...options }), faults };
}

/** Resolves when everything is back in its pool: a buffer is once the socket that was to send it has closed. */
async function expectNothingLeased({ pools }: TestApp): Promise<void> {
  for (const pool of [...pools.buffers.classes.values(), pools.pokes]) await poll(() => pool.stats.leased).toBe(0);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

test.each<[StoreCall, string, string, RequestInit?]>([
  ['append', 'POST', '/streams/a-1/messages', { body: JSON.stringify(message) }],
  ['readStream', 'GET', '/streams/a-1/messages'],
  ['readLast', 'GET', '/streams/a-1/messages/last'],
  ['read', 'GET', '/categories/a/messages'],
  ['describeStream', 'GET', '/streams/a-1'],
  ['listStreams', 'GET', '/streams'],
  ['listCategories', 'GET', '/categories'],
  ['summarize', 'POST', '/rpc', { body: '["ns.info","default"]' }],
])(
  'While %s fails, %s %s is answered with BACKEND_ERROR, and afterwards as usual.',
  async (call, method, path, init) => {
    const { app, faults } = await startFaultyApp();
    await using _ = app;
    await app.append('a-1', message);
    const ask = async () => {
      const abort = new AbortController();
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(app.url + path, { method, headers, signal: abort.signal, ...init });
      const text = response.ok ? '' : await response.text();
      // Disconnects, because the response of a subscription does not end.
      abort.abort();
      return { status: response.status, text };
    };
    faults.fail(call, { count: 2 });
    for (let time = 0; time < 2; time++) {
      const { status, text } = await ask();
      expect([status, JSON.parse(text).error.code]).toEqual([500, 'BACKEND_ERROR']);
      expect(text).not.toContain('injected');
    }
    expect((await ask()).status).toBeLessThan(300);
    await poll(() => app.hub.subscriptions.size).toBe(0);
    await expectNothingLeased(app);
  },
);

test('The log has the reason for a failure of the store, and the answer does not.', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
  const { app, faults } = await startFaultyApp([], { log });
  await using _ = app;
  faults.fail('append', { count: 1 });
  const { status, text } = await app.append('a-1', message);
  expect(status).toBe(500);
  expect(text).not.toContain('injected');
  const logged = lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'request failed');
  expect(logged.err.message).toContain('injected');
});

test.each([
  ['once', { count: 1 }],
  ['for a while', { count: 12 }],
  ['once in the middle of a catch-up', { count: 1, skip: 7 }],
  ['for a while in the middle of a catch-up', { count: 5, skip: 13 }],
])(
  'When reading the log fails %s, no stream ends, and everything is delivered once the log can be read.',
  async (_title, fault) => {
    const { app, faults } = await startFaultyApp();
    await using _ = app;
    await app.append('a-1', new Array(200).fill(message));
    faults.fail('pokes', fault);
    await using named = await SseClient.connect(app.port, '/subscribe?category=a&hello=true');
    await using plain = await SseClient.connect(app.port, '/subscribe?stream=a-1');
    for (const client of [named, plain]) {
      const pokes = await client.waitForPokes(200);
      expect(pokes.map(({ globalPosition }) => globalPosition)).toEqual(upTo(200));
      expect(client.isClosed).toBe(false);
    }
    expect(new Exposition((await app.get('/metrics')).text).value('pokewire_log_read_failures_total')).toBe(
      fault.count,
    );
  },
);

test.each(['bounds', 'version'] as const)(
  'A subscriber that arrives while the store fails at %s is answered at once, receives heartbeats, and begins when the store can be read.',
  async (call) => {
    const { app, faults } = await startFaultyApp(['--heartbeat-ms', '30']);
    await using _ = app;
    await app.append('a-1', new Array(3).fill(message));
    faults.fail(call);
    await using client = await SseClient.connect(app.port, '/subscribe?stream=a-1&position=1&hello=true');
    await client.waitFor(({ comments }) => comments.length > 2, 'heartbeats');
    expect([client.events, client.comments.includes(' ready')]).toEqual([[], false]);
    faults.mend();
    const pokes = await client.waitForPokes(2);
    expect(pokes.map(({ position }) => position)).toEqual([1, 2]);
    expect([client.events[0]?.type, client.comments.includes(' ready')]).toEqual(['hello', true]);
  },
);

test('A log that cannot be read is reported by /ready and a metric, and ends no subscription; afterwards both are as before.', async () => {
  const { app, faults } = await startFaultyApp();
  await using _ = app;
  await app.append('a-1', new Array(20).fill(message));
  faults.fail('pokes');
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  const failing = async () => new Exposition((await app.get('/metrics')).text).value('pokewire_logs_failing');
  await expect.poll(failing, { timeout: 20_000 }).toBe(1);
  const { status, body } = await app.get('/ready');
  expect([status, body.error.details.reasons]).toEqual([503, ['store']]);
  faults.mend();
  await client.waitForPokes(20);
  expect([await failing(), (await app.get('/ready')).status]).toEqual([0, 200]);
});

test('A store that cannot be read does not disturb live subscribers; lagging ones wait.', async () => {
  const { app, faults } = await startFaultyApp(['--window-pokes', '64']);
  await using _ = app;
  await using live = await SseClient.connect(app.port, '/subscribe?category=a&hello=true');
  await using lagging = await SseClient.connect(app.port, '/subscribe?category=a&hello=true');
  await poll(() => [...app.hub.subscriptions].map(({ state }) => state.name)).toEqual(['live', 'live']);
  lagging.pause();
  faults.fail('pokes');
  let appended = 0;
  const isLagging = () => [...app.hub.subscriptions].some(({ state }) => state.name === 'lagging');
  for (; !isLagging(); appended += 1_000) await app.append('a-1', new Array(1_000).fill(message));
  await app.append('a-1', new Array(1_000).fill(message));
  appended += 1_000;
  lagging.resume();
  await live.waitForPokes(appended);
  await poll(() => [...app.hub.subscriptions].map(({ state }) => state.name).sort()).toEqual(['catching-up', 'live']);
  faults.mend();
  await lagging.waitForPokes(appended);
  for (const { pokes } of [live, lagging]) {
    expect(pokes.map(({ globalPosition }) => globalPosition)).toEqual(upTo(appended));
  }
  await expectNothingLeased(app);
});

test('While reads of the log are not answered, live subscribers receive pokes; waiting ones receive everything afterwards.', async () => {
  const { app, faults } = await startFaultyApp();
  await using _ = app;
  await using live = await SseClient.connect(app.port, '/subscribe?category=a');
  await poll(() => [...app.hub.subscriptions].map(({ state }) => state.name)).toEqual(['live']);
  faults.hold('pokes');
  // More than may read concurrently, some of which leave before the end.
  const waiting = await Promise.all(
    Array.from({ length: 40 }, () => SseClient.connect(app.port, '/subscribe?category=a')),
  );
  await app.append('a-1', new Array(50).fill(message));
  await live.waitForPokes(50);
  for (const client of waiting.slice(0, 20)) client.destroy();
  await poll(() => app.hub.subscriptions.size).toBe(21);
  faults.mend();
  for (const client of waiting.slice(20)) {
    const pokes = await client.waitForPokes(50);
    expect(pokes.map(({ globalPosition }) => globalPosition)).toEqual(upTo(50));
    await client[Symbol.asyncDispose]();
  }
  await poll(() => app.hub.subscriptions.size).toBe(1);
  await expectNothingLeased(app);
});

test('An append whose answer is lost is delivered once, and its retry is recognized.', async () => {
  const { app, faults } = await startFaultyApp();
  await using _ = app;
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  const given = { ...message, id: '01890a5d-ac96-774b-bcce-b302099a8057' };
  faults.fail('append', { count: 1, losesAnswer: true });
  expect((await app.append('a-1', given)).status).toBe(500);
  expect(await app.append('a-1', given)).toMatchObject({ status: 200, body: { position: 0, globalPosition: 1 } });
  await app.append('a-1', message);
  await client.waitForPokes(2);
  expect(client.pokes.map(({ globalPosition }) => globalPosition)).toEqual([1, 2]);
});

test('With a slow store that delays each call, writers and subscribers that come and go receive exactly the log.', async () => {
  const { app, faults } = await startFaultyApp(['--heartbeat-ms', '30']);
  await using _ = app;
  let turn = 0;
  faults.turns = (call) => (storeCalls.indexOf(call) * 7 + turn++ * 5) % 23;
  const writers = [0, 1, 2, 3].map(async (writer) => {
    for (let batch = 0; batch < 25; batch++) await app.append(`a-${writer}`, new Array(3).fill(message));
  });
  const subscribers = [
    'category=a',
    'category=a&hello=true&heartbeat=head',
    'stream=a-0&stream=a-1&stream=a-2&stream=a-3',
    'all=true&lastEventId=0',
  ].map(async (query) => {
    const told: number[] = [];
    while (told.length < 300) {
      const headers: Record<string, string> = told.length === 0 ? {} : { 'last-event-id': String(told.at(-1)) };
      await using client = await SseClient.connect(app.port, `/subscribe?${query}`, { headers });
      // Disconnects in the middle, several times.
      await client.waitForPokes(Math.min(60, 300 - told.length));
      client.destroy();
      told.push(...client.pokes.map(({ globalPosition }) => globalPosition));
    }
    return told;
  });
  await Promise.all(writers);
  for (const told of await Promise.all(subscribers)) expect(told).toEqual(upTo(300));
  await poll(() => app.hub.subscriptions.size).toBe(0);
  await expectNothingLeased(app);
});

test.each(['fail', 'hold'] as const)(
  'While the store cannot report the last message (%s), heartbeats are comments; once it is known, the head needs no store.',
  async (fault) => {
    const { app, faults } = await startFaultyApp(['--heartbeat-ms', '30']);
    await using _ = app;
    faults[fault]('last');
    await using client = await SseClient.connect(app.port, '/subscribe?category=a&hello=true&heartbeat=head');
    const heads = () => client.events.filter(({ type }) => type === 'heartbeat').length;
    const comments = () => client.comments.filter((comment) => comment === '').length;
    await client.waitFor(() => comments() > 2, 'comments');
    expect(heads()).toBe(0);
    faults.mend();
    await client.waitFor(() => heads() > 0, 'a head');
    faults[fault]('last');
    await app.append('a-1', message);
    const isNewHead = () => client.events.some(({ type, data }) => type === 'heartbeat' && JSON.parse(data).head === 1);
    await client.waitFor(isNewHead, 'the head of what was delivered');
  },
);

test('An import that the store does not begin reports the failure, and the next one is stored and delivered.', async () => {
  const { app, faults } = await startFaultyApp();
  await using _ = app;
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  const record = {
    id: 'x',
    stream: 'a-1',
    type: 'T',
    pos: 0,
    gpos: 5,
    data: {},
    meta: null,
    time: '2024-01-01T00:00:00Z',
  };
  const importOne = async () => {
    const headers = { 'content-type': 'application/x-ndjson' };
    const response = await fetch(`${app.url}/import`, { method: 'POST', headers, body: JSON.stringify(record) });
    return response.text();
  };
  faults.fail('beginImport', { count: 1 });
  expect(await importOne()).toContain('"error":"IMPORT_FAILED"');
  expect(await importOne()).toContain('"done":true');
  await client.waitForPokes(1);
  expect(client.pokes[0]).toMatchObject({ stream: 'a-1', globalPosition: 5 });
});

test('A namespace whose removal fails is unchanged, and the next attempt removes it; a new one begins after it.', async () => {
  const { app, faults } = await startFaultyApp(['--test-mode']);
  await using _ = app;
  const token = newToken('tenant');
  await app.append('a-1', new Array(3).fill(message), `token=${token}`);
  await using client = await SseClient.connect(app.port, `/subscribe?category=a&token=${token}`);
  const call = async (...body: unknown[]) => {
    const response = await fetch(`${app.url}/rpc`, { method: 'POST', body: JSON.stringify(body) });
    return response.status;
  };
  faults.fail('remove', { count: 1 });
  expect(await call('ns.delete', 'tenant')).toBe(500);
  expect(client.isClosed).toBe(false);
  expect(await call('ns.delete', 'tenant')).toBe(200);
  await client.closed;
  expect(client.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"namespace-deleted"}' });
  const anew = await app.append('a-1', message, `token=${token}`);
  // After the three positions of the old log and one that is skipped in between.
  expect(anew.body).toMatchObject({ position: 0, globalPosition: 5 });
});

test.each(['check', 'usage'] as const)(
  'While the store fails or is silent at %s, probes and scrapes are answered, and report it.',
  async (call) => {
    const { app, faults } = await startFaultyApp();
    await using _ = app;
    await app.append('a-1', message);
    const look = async () => {
      const [ready, metrics] = await Promise.all([app.get('/ready'), app.get('/metrics')]);
      const exposition = new Exposition(metrics.text);
      const { samples } = exposition.metrics.get('pokewire_store_messages')!;
      return {
        ready: ready.status,
        reasons: ready.body.error?.details.reasons ?? [],
        metrics: metrics.status,
        readyGauge: exposition.value('pokewire_ready'),
        messages: samples.map(({ value }) => value),
        appended: exposition.value('pokewire_messages_appended_total'),
      };
    };
    const good = { ready: 200, reasons: [], metrics: 200, readyGauge: 1, messages: [1], appended: 1 };
    const bad = {
      check: { ...good, ready: 503, reasons: ['store'], readyGauge: 0 },
      usage: { ...good, messages: [] },
    }[call];
    expect(await look()).toEqual(good);
    for (const stop of [() => faults.fail(call), () => faults.hold(call)]) {
      stop();
      expect(await look()).toEqual(bad);
      faults.mend();
      expect(await look()).toEqual(good);
    }
  },
);
