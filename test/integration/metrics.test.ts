import { describe, expect, test, vi } from 'vitest';
import { chunkHeadBytes, chunkTailBytes } from '../../src/sse/frame.ts';
import { Exposition } from '../support/exposition.ts';
import { FakeStore } from '../support/fake-store.ts';
import { makeLaggingGroup } from '../support/lagging-group.ts';
import { allExpressions, conditionsIn, metricsIn, readMetricDocs } from '../support/monitoring.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

const message = { type: 'Deposited', data: { amount: 100 } };
/** Created by Prometheus itself. */
const synthetic = ['up', 'ALERTS'];

/** Starts a server whose store fails both reads for subscriptions and health checks. */
function startFailingApp(): Promise<TestApp> {
  const faults = new StoreFaults();
  faults.fail('pokes');
  faults.fail('check');
  return startTestApp([], { openStore: async (_url, options) => faults.wrap(new FakeStore(options)) });
}

async function scrape(app: TestApp): Promise<Exposition> {
  return new Exposition((await app.get('/metrics')).text);
}

/** Scrapes until the metric has the value. */
async function scrapeUntil(app: TestApp, name: string, labels: Record<string, string>, value: number) {
  return vi.waitFor(
    async () => {
      const metrics = await scrape(app);
      expect(metrics.value(name, labels), `${name}${JSON.stringify(labels)}`).toBe(value);
      return metrics;
    },
    { timeout: 20_000, interval: 20 },
  );
}

/** Subscribes and waits until the subscription is live, so that later messages are delivered live. */
async function subscribeLive(app: TestApp, query: string, kind: string): Promise<SseClient> {
  const reader = await SseClient.connect(app.port, `/subscribe?${query}`);
  await scrapeUntil(app, 'pokewire_subscriptions', { kind, state: 'live' }, 1);
  return reader;
}

/** Produces a sample of every metric with labels. */
async function useEverything(app: TestApp): Promise<void> {
  await app.append('account-1', message);
  await makeLaggingGroup(app);
  const queries = {
    stream: 'stream=a-1',
    category: 'category=a',
    group: 'category=a&consumer=0&size=2',
    all: 'all=true',
  };
  for (const [kind, query] of Object.entries({ ...queries, mixed: 'stream=a-1&category=b' })) {
    await using _reader = await subscribeLive(app, query, kind);
  }
  await scrapeUntil(app, 'pokewire_subscriptions_closed_total', { reason: 'peer' }, 5);
  await scrapeUntil(app, 'pokewire_group_lag_messages', { group: 'billing' }, 1);
}

/** Whether the metric, or one of its series, exists only with another store, by docs/stores.md. */
function isOfAnotherStore(name: string): boolean {
  const metrics = readMetricDocs('stores');
  return metrics.has(name) || metrics.get(name.replace(/_(bucket|sum|count)$/, ''))?.type === 'histogram';
}

describe('The metrics', () => {
  test('are documented, each with its type, and all documented ones are exported.', async () => {
    await using app = await startSqliteApp();
    const { metrics } = await scrape(app);
    const typesOf = (all: Iterable<[string, { readonly type: string }]>) =>
      Object.fromEntries([...all].map(([name, { type }]) => [name, type]));
    const documented = readMetricDocs();
    const ours = [...metrics].filter(([name]) => name.startsWith('pokewire_'));
    const others = [...documented].filter(([name]) => !name.startsWith('pokewire_'));
    expect(typesOf([...documented].filter(([name]) => name.startsWith('pokewire_')))).toEqual(typesOf(ours));
    expect(typesOf(others.map(([name]) => [name, metrics.get(name)!]))).toEqual(typesOf(others));
  });

  test('have the documented labels, with documented values only.', async () => {
    await using app = await startSqliteApp();
    await useEverything(app);
    await using _reader = await subscribeLive(app, 'all=true', 'all');
    const { metrics } = await scrape(app);
    for (const [name, { labels }] of readMetricDocs()) {
      if (!name.startsWith('pokewire_')) continue;
      const { samples } = metrics.get(name)!;
      expect(samples.length, name).toBeGreaterThan(0);
      for (const sample of samples) {
        const { le: _, ...own } = sample.labels;
        expect(Object.keys(own).sort(), name).toEqual([...labels.keys()].sort());
        for (const [label, values] of labels) if (values !== undefined) expect(values, name).toContain(own[label]);
      }
    }
  });

  test('include every name that a dashboard or an alert uses.', async () => {
    await using app = await startSqliteApp();
    const metrics = await scrape(app);
    for (const { where, expr } of allExpressions()) {
      for (const name of metricsIn(expr)) {
        if (!synthetic.includes(name) && !isOfAnotherStore(name))
          expect(metrics.metricOf(name), `${where}: ${name}`).toBeDefined();
      }
    }
  });

  test('never contain the name of a stream, a category or a path that a client chose.', async () => {
    await using app = await startTestApp();
    await using _reader = await SseClient.connect(app.port, '/subscribe?stream=secret-1&category=secret');
    await app.append('secret-1', message);
    await app.append('secret-1', message, 'expectedVersion=7');
    await app.get('/streams/secret-1/messages');
    await app.get('/categories/secret/messages');
    await app.get('/secret');
    await app.get('/subscribe?stream=secret-1&secret=1');
    expect((await app.get('/metrics')).text).not.toContain('secret');
  });
});

describe('Appends', () => {
  test('count their messages, and each request once by outcome.', async () => {
    await using app = await startTestApp();
    const known = { ...message, id: '00000000-0000-7000-8000-000000000001' };
    await app.append('account-1', [message, message, message]);
    await app.append('account-1', known);
    await app.append('account-1', known);
    await app.append('account-1', { ...known, type: 'Withdrawn' });
    await app.append('account-1', message, 'expectedVersion=0');
    const metrics = await scrape(app);
    expect(metrics.value('pokewire_messages_appended_total')).toBe(4);
    expect(metrics.value('pokewire_appends_total', { outcome: 'appended' })).toBe(2);
    expect(metrics.value('pokewire_appends_total', { outcome: 'known' })).toBe(1);
    expect(metrics.value('pokewire_appends_total', { outcome: 'duplicate-id' })).toBe(1);
    expect(metrics.value('pokewire_appends_total', { outcome: 'version-conflict' })).toBe(1);
    expect(metrics.value('pokewire_store_messages')).toBe(4);
    expect(metrics.value('pokewire_store_streams')).toBe(1);
  });

  test('that the store has no space for count as full, and its bytes and limit are exported.', async () => {
    await using app = await startTestApp(['--store-max-bytes', '70000']);
    await app.append('account-1', message);
    await app.append('account-1', { ...message, data: { text: 'x'.repeat(70_000) } });
    const metrics = await scrape(app);
    expect(metrics.value('pokewire_appends_total', { outcome: 'full' })).toBe(1);
    expect(metrics.value('pokewire_store_max_bytes')).toBe(70_000);
    expect(metrics.value('pokewire_store_bytes')).toBeGreaterThan(0);
    expect(metrics.value('pokewire_store_bytes')).toBeLessThanOrEqual(70_000);
  });
});

describe('A store on a disk', () => {
  test('exports its files, its disk, its queues and its commits.', async () => {
    await using app = await startSqliteApp();
    const before = await scrape(app);
    await Promise.all(Array.from({ length: 20 }, (_, n) => app.append(`a-${n}`, message)));
    const metrics = await scrape(app);
    const risen = (name: string) => metrics.value(name) - before.value(name);
    expect(risen('pokewire_store_writes_total')).toBe(20);
    expect(risen('pokewire_store_commit_duration_seconds_count')).toBeGreaterThanOrEqual(1);
    expect(risen('pokewire_store_commit_duration_seconds_count')).toBeLessThanOrEqual(20);
    expect(risen('pokewire_store_commit_duration_seconds_sum')).toBeGreaterThan(0);
    expect(metrics.value('pokewire_store_file_bytes') % 4_096).toBe(0);
    expect(metrics.value('pokewire_store_wal_bytes')).toBeGreaterThan(4_096);
    expect(metrics.value('pokewire_store_disk_reserve_bytes')).toBe(201_326_592);
    expect(metrics.value('pokewire_store_disk_free_bytes')).toBeGreaterThan(0);
    expect(metrics.value('pokewire_store_queue_length', { thread: 'writer' })).toBe(0);
  });
});

describe('A server that has answered nothing yet', () => {
  test('has every series that an alert or a dashboard counts from, at 0, so that the first event is detected.', async () => {
    await using app = await startSqliteApp();
    const metrics = await scrape(app);
    const counted = allExpressions().flatMap(({ expr }) => [
      ...expr.matchAll(/(?:increase|rate)\((\w+(?:\{[^}]*\})?)\[/g).map(([, selector]) => selector!),
    ]);
    expect(counted.length).toBeGreaterThan(20);
    for (const selector of counted) {
      const [name] = metricsIn(selector);
      // Standard process metrics have other prefixes.
      if (!name!.startsWith('pokewire_') || isOfAnotherStore(name!)) continue;
      expect(metrics.labelValues(name!, '').size, selector).toBe(1);
      for (const { label, operator, value } of conditionsIn(selector)) {
        if (operator === '=') expect([...metrics.labelValues(name!, label)], selector).toContain(value);
      }
    }
  });

  test('has the error series of every route at 0.', async () => {
    await using app = await startTestApp();
    const metrics = await scrape(app);
    const { paths } = (await app.get('/openapi.json')).body as { paths: Record<string, Record<string, unknown>> };
    const name = 'pokewire_http_request_duration_seconds_count';
    const known = metrics.metrics
      .get('pokewire_http_request_duration_seconds')!
      .samples.filter((sample) => sample.name === name && sample.labels.status === '500');
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    expect(known.map(({ labels }) => `${labels.method} ${labels.route}`)).toEqual(expect.arrayContaining(routes));
    expect(known.every(({ value }) => value === 0)).toBe(true);
  });
});

describe('A live subscription', () => {
  test('counts its pokes as live, with their frames, bytes and delay.', async () => {
    await using app = await startTestApp();
    await using reader = await subscribeLive(app, 'category=account', 'category');
    await app.append('account-1', [message, message]);
    await reader.waitForPokes(2);
    const metrics = await scrape(app);
    const framing = chunkHeadBytes + chunkTailBytes;
    const frames = reader.bytes.subarray(reader.bytes.indexOf('event: poke')).length + 2 * framing;
    expect(metrics.value('pokewire_pokes_sent_total', { kind: 'live' })).toBe(2);
    expect(metrics.value('pokewire_pokes_sent_total', { kind: 'catch-up' })).toBe(0);
    expect(metrics.value('pokewire_sent_bytes_total', { kind: 'live' })).toBe(frames);
    expect(metrics.value('pokewire_frames_encoded_total')).toBe(2);
    expect(metrics.value('pokewire_poke_delay_seconds_count')).toBe(2);
  });

  test('shares its frames with others, so that there are more pokes than frames.', async () => {
    await using app = await startTestApp();
    await using first = await SseClient.connect(app.port, '/subscribe?category=account');
    await using second = await SseClient.connect(app.port, '/subscribe?all=true');
    await scrapeUntil(app, 'pokewire_subscriptions', { state: 'live' }, 2);
    await app.append('account-1', message);
    await first.waitForPokes(1);
    await second.waitForPokes(1);
    const metrics = await scrape(app);
    expect(metrics.value('pokewire_pokes_sent_total', { kind: 'live' })).toBe(2);
    expect(metrics.value('pokewire_frames_encoded_total')).toBe(1);
    expect(metrics.value('pokewire_poke_delay_seconds_count')).toBe(1);
  });

  test('counts nothing for a message that it does not select.', async () => {
    await using app = await startTestApp();
    await using _reader = await subscribeLive(app, 'category=account', 'category');
    await app.append('order-1', message);
    const metrics = await scrape(app);
    expect(metrics.value('pokewire_pokes_sent_total')).toBe(0);
    expect(metrics.value('pokewire_frames_encoded_total')).toBe(0);
    expect(metrics.value('pokewire_poke_delay_seconds_count')).toBe(0);
  });
});

describe('Catching up', () => {
  test('counts its pages, and its pokes as catch-up.', async () => {
    await using app = await startTestApp();
    await app.append('account-1', [message, message, message]);
    await using reader = await SseClient.connect(app.port, '/subscribe?category=account');
    await reader.waitForPokes(3);
    const metrics = await scrapeUntil(app, 'pokewire_subscriptions', { kind: 'category', state: 'live' }, 1);
    expect(metrics.value('pokewire_pokes_sent_total', { kind: 'catch-up' })).toBe(3);
    expect(metrics.value('pokewire_pokes_sent_total', { kind: 'live' })).toBe(0);
    expect(metrics.value('pokewire_catch_up_reads_total')).toBeGreaterThan(0);
    expect(metrics.value('pokewire_catch_up_waiting')).toBe(0);
    expect(metrics.value('pokewire_poke_delay_seconds_count')).toBe(0);
  });
});

describe('Subscriptions', () => {
  test('are counted when they open and when they close, with the reason and their duration.', async () => {
    await using app = await startTestApp();
    await using reader = await subscribeLive(app, 'all=true', 'all');
    const open = await scrape(app);
    expect(open.value('pokewire_subscriptions_opened_total', { kind: 'all' })).toBe(1);
    expect(open.value('pokewire_subscriptions_closed_total')).toBe(0);
    expect(open.value('pokewire_subscription_duration_seconds_count')).toBe(0);
    reader.destroy();
    const closed = await scrapeUntil(app, 'pokewire_subscriptions_closed_total', { reason: 'peer' }, 1);
    expect(closed.value('pokewire_subscription_duration_seconds_count', { kind: 'all' })).toBe(1);
    expect(closed.value('pokewire_subscriptions')).toBe(0);
  });

  test('do not count as requests, neither while they are open nor after they have ended.', async () => {
    await using app = await startTestApp();
    await using reader = await subscribeLive(app, 'all=true', 'all');
    reader.destroy();
    const metrics = await scrapeUntil(app, 'pokewire_subscriptions_closed_total', {}, 1);
    expect(metrics.value('pokewire_http_request_duration_seconds_count', { route: '/metrics' })).toBeGreaterThan(0);
    expect(metrics.value('pokewire_http_request_duration_seconds_count', { route: '/subscribe' })).toBe(0);
  });

  test('that exceed the limit are counted as refused, and as requests.', async () => {
    await using app = await startTestApp(['--max-subscriptions', '1']);
    await using _reader = await subscribeLive(app, 'all=true', 'all');
    expect((await app.get('/subscribe?all=true')).status).toBe(503);
    const metrics = await scrape(app);
    expect(metrics.value('pokewire_subscriptions_refused_total')).toBe(1);
    expect(metrics.value('pokewire_subscriptions_opened_total')).toBe(1);
    const refused = { route: '/subscribe', status: '503' };
    expect(metrics.value('pokewire_http_request_duration_seconds_count', refused)).toBe(1);
  });

  test('whose log cannot be read wait, and the failed reads are counted.', async () => {
    await using app = await startFailingApp();
    await app.append('account-1', message);
    await using reader = await SseClient.connect(app.port, '/subscribe?category=account');
    const metrics = await scrapeUntil(app, 'pokewire_logs_failing', {}, 1);
    expect(metrics.value('pokewire_log_read_failures_total')).toBeGreaterThan(1);
    expect([metrics.value('pokewire_logs_followed'), reader.isClosed]).toEqual([1, false]);
  });
});

describe('A subscriber that does not read', () => {
  test('is counted as lagging with its buffer leased, then as closed because it stalled.', async () => {
    await using app = await startTestApp(['--stall-timeout-ms', '1500']);
    await using reader = await subscribeLive(app, 'all=true', 'all');
    reader.pause();
    const batch = Array.from({ length: 1_000 }, () => message);
    const lagging = await vi.waitFor(
      async () => {
        await app.append(`account-${'x'.repeat(200)}`, batch);
        const metrics = await scrape(app);
        expect(metrics.value('pokewire_lagging_episodes_total')).toBe(1);
        return metrics;
      },
      { timeout: 20_000, interval: 1 },
    );
    expect(lagging.value('pokewire_subscriptions', { kind: 'all', state: 'lagging' })).toBe(1);
    expect(lagging.value('pokewire_pool_leased')).toBe(1);
    const closed = await scrapeUntil(app, 'pokewire_subscriptions_closed_total', { reason: 'stalled' }, 1);
    expect(closed.value('pokewire_subscriptions')).toBe(0);
    // The socket releases its buffer a little later, when it closes.
    await scrapeUntil(app, 'pokewire_pool_leased', {}, 0);
  });
});

describe('Requests', () => {
  test('are counted by method, route pattern and status.', async () => {
    await using app = await startTestApp();
    await app.append('account-1', message);
    await app.get('/streams/account-1/messages');
    await app.get('/streams/none-1');
    await app.get('/no/such/path');
    const metrics = await scrape(app);
    const count = (method: string, route: string, status: string) =>
      metrics.value('pokewire_http_request_duration_seconds_count', { method, route, status });
    expect(count('POST', '/streams/:stream/messages', '201')).toBe(1);
    expect(count('GET', '/streams/:stream/messages', '200')).toBe(1);
    expect(count('GET', '/streams/:stream', '404')).toBe(1);
    expect(count('GET', 'none', '404')).toBe(1);
  });
});

describe('The pools', () => {
  test('have lent nothing once everything is delivered, and have counted the loans.', async () => {
    await using app = await startTestApp();
    await app.append('account-1', [message, message]);
    await using reader = await subscribeLive(app, 'category=account', 'category');
    await app.append('account-1', message);
    await reader.waitForPokes(3);
    const metrics = await scrapeUntil(app, 'pokewire_pool_leased', {}, 0);
    const acquired = metrics.value('pokewire_pool_acquires_total');
    expect(acquired).toBeGreaterThan(0);
    expect(metrics.value('pokewire_pool_acquires_total', { pool: 'pokes' })).toBe(5);
    const returned = metrics.value('pokewire_pool_releases_total') + metrics.value('pokewire_pool_drops_total');
    expect(returned).toBe(acquired);
  });

  test('of size 0 have no hits and keep nothing.', async () => {
    await using app = await startTestApp(['--pooling', 'off']);
    await using reader = await subscribeLive(app, 'category=account', 'category');
    await app.append('account-1', message);
    await reader.waitForPokes(1);
    const metrics = await scrapeUntil(app, 'pokewire_pool_leased', {}, 0);
    expect(metrics.value('pokewire_pool_size')).toBe(0);
    expect(metrics.value('pokewire_pool_acquires_total', { result: 'hit' })).toBe(0);
    const missed = metrics.value('pokewire_pool_acquires_total', { result: 'miss' });
    expect([missed > 0, metrics.value('pokewire_pool_drops_total')]).toEqual([true, missed]);
  });
});

describe('The process', () => {
  test('counts the bytes that it allocates.', async () => {
    await using app = await startTestApp();
    const before = (await scrape(app)).value('pokewire_process_allocated_bytes_total');
    const allocated = async () => (await scrape(app)).value('pokewire_process_allocated_bytes_total');
    await expect.poll(allocated).toBeGreaterThan(before);
    expect(before).toBeGreaterThan(0);
  });

  test('is not ready when the store does not answer.', async () => {
    await using app = await startFailingApp();
    expect((await scrape(app)).value('pokewire_ready')).toBe(0);
    await using well = await startTestApp();
    expect((await scrape(well)).value('pokewire_ready')).toBe(1);
  });
});
