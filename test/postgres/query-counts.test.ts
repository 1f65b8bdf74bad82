import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Selection, selectionKey, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { Exposition } from '../support/exposition.ts';
import { pokePool, selectionOf } from '../support/fake-messages.ts';
import { FakeNode, noWishes } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const pollMs = 5;
const watchedMs = 2_000;
/** A scrape queries the size of the table, and whether the log can be read. */
const queriesOfScrape = 2;

/** Queries and polls during some time, and its duration. */
async function watch(app: TestApp): Promise<{ queries: number; polls: number; seconds: number }> {
  const read = async () => new Exposition((await app.get('/metrics')).text);
  const before = await read();
  const startMs = performance.now();
  await delay(watchedMs);
  const after = await read();
  const count = (name: string) => after.value(name) - before.value(name);
  return {
    queries: count('pokewire_store_queries_total') - queriesOfScrape,
    polls: count('pokewire_store_polls_total'),
    seconds: (performance.now() - startMs) / 1_000,
  };
}

describe.skipIf(!hasPostgres)('A node asks the database', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test('at most once a second without subscribers, and by one poll with any number of them.', async () => {
    await using app = await startTestApp(['--store', cluster.url(await cluster.create())]);
    await app.append('a-1', { type: 'Written', data: {} });
    const silent = await watch(app);
    // One more if both ends of the period are counted.
    expect(silent.queries).toBeLessThanOrEqual(silent.seconds + 1);
    await using clients = new AsyncDisposableStack();
    for (let n = 0; n < 200; n++) {
      const path = `/subscribe?category=${n % 2 === 0 ? 'a' : `b${n}`}`;
      clients.use(await SseClient.connect(app.port, path));
    }
    const heard = await watch(app);
    const most = (heard.seconds * 1_000) / pollMs;
    expect(heard.polls).toBeGreaterThan(0);
    // Every second the hub reads from its own head, regardless of announcements.
    expect(heard.polls).toBeLessThanOrEqual(most + 10 * heard.seconds);
    expect(heard.queries).toBeLessThanOrEqual(most + 20 * heard.seconds);
  });

  test('at most 100 times for 10,000 subscribers that reconnect to it after a restart.', {
    timeout: 120_000,
  }, async () => {
    const messages = 20_000;
    const streams = Array.from({ length: 200 }, (_value, n) => new StreamName(`c${n % 40}-${n}`));
    const streamAt = (globalPosition: number) => streams[(globalPosition * 7) % streams.length]!;
    const database = await cluster.create();
    await using service = await cluster.connect(database);
    await service.query(
      `INSERT INTO messages (stream_name, position, type, data)
       SELECT 'c' || (n * 7) % 200 % 40 || '-' || (n * 7) % 200, (n - 1) / 200, 'Written', '{}' FROM generate_series(1, $1) n`,
      [messages],
    );
    const pokes = pokePool();
    const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 };
    const store = await PostgresStore.open(cluster.url(database), { pokes, ...limits });
    const metrics = new Metrics('test');
    store.measure(metrics);
    // Polls are left out, because their number grows with time, not with subscribers.
    const queries = async () => {
      const exposition = new Exposition(await metrics.registry.metrics());
      return exposition.value('pokewire_store_queries_total') - exposition.value('pokewire_store_polls_total');
    };
    const { log } = (await store.namespaces.find('default'))!;
    await using node = new FakeNode({ store, pokes, windowPokes: 16_384 });
    const before = await queries();
    const cursorOf = (n: number) => messages - ((n * 7_919) % 10_000);
    const sinks = Array.from({ length: 10_000 }, (_value, n) => {
      const sink = new FakeSink();
      const lastEventId = { globalPosition: cursorOf(n), tag: tagOf(log) };
      const wishes = { ...noWishes, hello: true };
      node.hub.subscribe({
        request: { log, selection: selectionFor(streams, n), position: 0, lastEventId, epoch: undefined, wishes },
        socket: { sink, framing: 'chunked' },
        greeting: { head: Buffer.alloc(0), retryMs: 1_000 },
        released: () => node.released++,
      });
      return sink;
    });
    const wanted = new Map<string, number[]>();
    const isWrong = (sink: FakeSink, n: number) => {
      const selection = selectionFor(streams, n);
      const positions = wanted.getOrInsertComputed(selectionKey(selection), () =>
        Array.from({ length: messages }, (_value, index) => index + 1).filter((position) =>
          selects(selection, streamAt(position), 0),
        ),
      );
      return sink.positions.join() !== positions.filter((position) => position > cursorOf(n)).join();
    };
    const behind = () => [...node.hub.subscriptions].filter(({ state }) => state.name !== 'live').length;
    await expect.poll(behind, { timeout: 60_000 }).toBe(0);
    const asked = (await queries()) - before;
    expect(sinks.filter(isWrong)).toHaveLength(0);
    expect(asked).toBeLessThanOrEqual(100);
    for (const sink of sinks) sink.destroy();
    await store.close();
  });
});

function selectionFor(streams: readonly StreamName[], n: number): Selection {
  const { text, category } = streams[n % streams.length]!;
  if (n % 500 === 0) return selectionOf({ all: true });
  if (n % 3 === 0) return selectionOf({ streams: [text] });
  if (n % 3 === 1) return selectionOf({ categories: [category], group: { member: n % 4, size: 4 } });
  return selectionOf({ categories: [category], streams: [text] });
}
