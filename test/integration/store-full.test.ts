import { expect, test } from 'vitest';
import { Exposition } from '../support/exposition.ts';
import { ImportRequest, records } from '../support/import-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { RpcClient } from './rpc-client.ts';

const adminToken = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;
const message = { type: 'T', data: { text: 'x'.repeat(500) } };

/** Appends to a stream until the store is full; returns the number appended. */
async function fill(writer: RpcClient, stream: string): Promise<number> {
  for (let count = 0; ; count++) {
    const error = await writer.write(stream, message).then(
      () => undefined,
      (refusal) => refusal,
    );
    if (error === undefined) continue;
    expect([error.status, error.code]).toEqual([507, 'STORE_FULL']);
    return count;
  }
}

async function stateOf(app: TestApp) {
  const [ready, metrics] = [
    await app.get('/ready'),
    new Exposition((await app.get(`/metrics?token=${adminToken}`)).text),
  ];
  const gauges = ['pokewire_ready', 'pokewire_store_full'].map((name) => metrics.value(name));
  return [ready.status, ready.body, ...gauges];
}

const withRoom = [200, { status: 'ok', store: 'ok' }, 1, 0];
const withoutRoom = [200, { status: 'ok', store: 'full' }, 1, 1];

test('/ready and a metric report a full store, until something is deleted.', async () => {
  await using app = await startTestApp([`--token=${adminToken}`, '--store-max-bytes', '100000']);
  const admin = new RpcClient(app.url, adminToken);
  const [tenant, other] = [await admin.tenant('one'), await admin.tenant('two')];
  expect(await stateOf(app)).toEqual(withRoom);
  await fill(tenant, 'a-1');
  expect(await stateOf(app)).toEqual(withoutRoom);
  await admin.call('ns.delete', 'one');
  expect(await stateOf(app)).toEqual(withRoom);
  expect(await fill(other, 'a-1')).toBeGreaterThan(10);
  expect(await stateOf(app)).toEqual(withoutRoom);
});

test('A store is not full because one append was too large for it, once another append was stored.', async () => {
  await using app = await startTestApp([`--token=${adminToken}`, '--store-max-bytes', '100000']);
  const client = new RpcClient(app.url, adminToken);
  await expect(client.write('a-1', { type: 'T', data: { text: 'x'.repeat(100_000) } })).rejects.toThrow();
  expect(await stateOf(app)).toEqual(withoutRoom);
  await client.write('a-1', message);
  expect(await stateOf(app)).toEqual(withRoom);
});

test('Everything except appends works in a full store: reads, lists, retries, exports, old subscriptions and new ones.', async () => {
  await using app = await startTestApp(['--store-max-bytes', '100000']);
  const client = new RpcClient(app.url);
  await using reader = await SseClient.connect(app.port, '/subscribe?category=a');
  const known = { ...message, id: '00000000-0000-7000-8000-000000000001' };
  expect((await app.append('a-1', known)).status).toBe(201);
  const stored = 1 + (await fill(client, 'a-1'));
  await reader.waitForPokes(stored);

  expect((await app.append('a-1', known)).status).toBe(200);
  expect((await app.get('/streams/a-1/messages')).body).toHaveLength(stored);
  expect((await app.get('/streams/a-1/messages/last')).body.position).toBe(stored - 1);
  expect((await app.get('/categories/a/messages')).body).toHaveLength(stored);
  expect((await app.get('/streams')).body.streams).toHaveLength(1);
  expect((await app.get('/categories')).body.categories).toHaveLength(1);
  expect((await app.get('/export')).text.trimEnd().split('\n')).toHaveLength(stored);
  await using newcomer = await SseClient.connect(app.port, '/subscribe?stream=a-1');
  await newcomer.waitForPokes(stored);
  const ticket = await fetch(`${app.url}/subscribe/ticket`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"category":["a"]}',
  });
  expect(ticket.status).toBe(201);

  const importing = new ImportRequest(`${app.url}/import`);
  importing.request.end(records(1_000, stored + 1));
  expect((await importing.answer).text).toContain('This would exceed the byte limit of the store.');
  expect(reader.isClosed).toBe(false);
  // Messages that still fit are stored and delivered.
  expect((await app.append('a-1', { type: 'T', data: {} })).status).toBe(201);
  await reader.waitForPokes(stored + 1);
});
