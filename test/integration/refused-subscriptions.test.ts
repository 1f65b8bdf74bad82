import { EventSource } from 'eventsource';
import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { Exposition } from '../support/exposition.ts';
import { FakeStore } from '../support/fake-store.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

const flags = ['--max-subscriptions', '1', '--retry-min-ms', '7', '--retry-max-ms', '7'];
const cursor = '1234-7f9c2ba4e88f';

/** A server whose only subscription is taken, and its answer to another subscriber. */
async function refused(query: string, options: Parameters<typeof SseClient.connect>[2] = {}) {
  await using app = await startTestApp(flags);
  await using _first = await SseClient.connect(app.port, '/subscribe?all=true');
  await using client = await SseClient.connect(app.port, `/subscribe?all=true${query}`, options);
  const failure = await client.closed;
  return { client, failure, metrics: await scrape(app) };
}

async function scrape(app: TestApp): Promise<Exposition> {
  return new Exposition((await app.get('/metrics')).text);
}

describe('A subscriber that finds no place', () => {
  test('gets a reconnection time in a stream that breaks off, which no client treats as an event', async () => {
    const { client, failure } = await refused('');
    expect([client.head.status, client.head.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    expect([client.bytes.toString(), client.isComplete, failure]).toEqual(['retry: 7\n', false, undefined]);
  });

  test('gets the reason with its cursor if it asked for named events', async () => {
    const { client } = await refused('&hello=true', { headers: { 'Last-Event-ID': cursor } });
    expect([client.bytes.toString(), client.isComplete]).toEqual([
      `retry: 7\nevent: end\nid: ${cursor}\ndata:{"code":"too-many-subscriptions"}\n\n`,
      false,
    ]);
  });

  test.each([
    ['the cursor of the header', `&lastEventId=5`, { 'Last-Event-ID': cursor }, cursor],
    ['the cursor of the query', `&lastEventId=${cursor}`, {}, cursor],
    ['an unknown cursor', '&lastEventId=null', {}, 'null'],
    ['no cursor', '', {}, ''],
    ['an empty one', '', { 'Last-Event-ID': '' }, ''],
    ['none with a line end, which would begin another field', '&lastEventId=5%0Adata:x', {}, ''],
    ['none with NUL', '&lastEventId=5%00', {}, ''],
    ['none that is too long', `&lastEventId=${'5'.repeat(200)}`, {}, ''],
  ])('is given back %s', async (_what, query, headers, id) => {
    const { client } = await refused(`&hello=true${query}`, { headers: headers as Record<string, string> });
    expect(client.events).toEqual([{ type: 'end', data: '{"code":"too-many-subscriptions"}', lastEventId: id }]);
    expect(client.bytes.toString().includes('id:')).toBe(id !== '');
  });

  test('gets the same over HTTP/1.0, without chunks', async () => {
    const { client } = await refused('', { httpVersion: '1.0' });
    expect([client.bytes.toString(), client.head.headers.has('transfer-encoding')]).toEqual(['retry: 7\n', false]);
  });

  test('is counted, and takes no quota', async () => {
    const { metrics } = await refused('');
    expect(metrics.value('pokewire_subscriptions_refused_total', { reason: 'no-place' })).toBe(1);
    const labels = { method: 'GET', route: '/subscribe', status: '503' };
    expect(metrics.value('pokewire_http_request_duration_seconds_count', labels)).toBe(1);
    expect(metrics.value('pokewire_subscriptions', { kind: 'all', state: 'live' })).toBe(1);
  });

  test('gets the status if it does not accept an event stream', async () => {
    await using app = await startTestApp(flags);
    await using _first = await SseClient.connect(app.port, '/subscribe?all=true');
    await using client = await SseClient.connect(app.port, '/subscribe?all=true', { accept: '*/*' });
    expect([client.head.status, client.head.headers.has('retry-after')]).toEqual([503, true]);
  });

  test('reconnects when a subscription is free, like an EventSource', async () => {
    await using app = await startTestApp(flags);
    const first = await SseClient.connect(app.port, '/subscribe?all=true');
    const source = new EventSource(`${app.url}/subscribe?category=a&hello=true`);
    const codes: string[] = [];
    source.addEventListener('end', ({ data }) => codes.push(JSON.parse(data).code));
    const { promise: poked, resolve } = Promise.withResolvers<{ data: string }>();
    source.addEventListener('poke', resolve);
    await expect.poll(() => codes.length).toBeGreaterThan(1);
    first.destroy();
    await app.append('a-1', { type: 'Happened', data: {} });
    expect(JSON.parse((await poked).data).globalPosition).toBe(1);
    source.close();
  });
});

describe('A subscriber whose token cannot be looked up', () => {
  test('gets a reconnection time, and the status is logged and counted as before', async () => {
    const faults = new StoreFaults();
    const token = newToken('default');
    await using app = await startTestApp([...flags, '--token', token], {
      openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
    });
    faults.fail('find');
    await using client = await SseClient.connect(app.port, `/subscribe?all=true&hello=true&token=${token}`);
    await client.closed;
    expect(client.events.map(({ data }) => data)).toEqual(['{"code":"backend-error"}']);
    faults.mend();
    const labels = { method: 'GET', route: '/subscribe', status: '500' };
    const metrics = await (await fetch(`${app.url}/metrics?token=${token}`)).text();
    expect(new Exposition(metrics).value('pokewire_http_request_duration_seconds_count', labels)).toBe(1);
  });
});

describe('A request that is wrong', () => {
  test.each([
    ['all=true&stream=a', [], 400],
    ['all=true', ['--token', `ns_ZGVmYXVsdA_${'0'.repeat(64)}`], 401],
  ])('keeps its status, because coming back would not mend it: %s', async (query, more, status) => {
    await using app = await startTestApp(more);
    await using client = await SseClient.connect(app.port, `/subscribe?${query}`);
    expect(client.head.status).toBe(status);
  });
});
