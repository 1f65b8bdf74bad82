import { expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { RpcClient } from './rpc-client.ts';

const message = { type: 'Happened', data: { a: 1 } };

async function call(app: TestApp, method: string, path: string, body?: unknown) {
  const response = await fetch(app.url + path, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

const positions = async (app: TestApp, stream: string) =>
  (await app.get(`/streams/${stream}/messages`)).body.map(({ position }: { position: number }) => position);

test('A rule is set, listed with the messages it covers, enforced, and removed.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 5; n++) await app.append('a-1', message);
  await app.append('b-1', message);
  const set = await call(app, 'PUT', '/categories/a/retention', { maxMessages: 2 });
  expect(set).toMatchObject({
    status: 200,
    body: { category: 'a', maxAgeMs: null, maxMessages: 2, maxBytes: null, isDefault: false },
  });
  await expect.poll(() => positions(app, 'a-1'), { timeout: 20_000 }).toEqual([3, 4]);
  const { body } = await call(app, 'GET', '/retention');
  expect(body.rules).toEqual([
    {
      category: 'a',
      maxAgeMs: null,
      maxMessages: 2,
      maxBytes: null,
      isDefault: false,
      holds: { messages: 2, bytes: expect.any(Number), oldest: expect.stringMatching(/^\d{4}-.*Z$/) },
      takes: { messages: 0, bytes: 0, isWhole: true },
    },
  ]);
  expect(await positions(app, 'b-1')).toEqual([0]);
  expect(await call(app, 'DELETE', '/categories/a/retention')).toEqual({ status: 204, body: undefined });
  expect((await call(app, 'GET', '/retention')).body).toEqual({ rules: [] });
});

test('A dry run reports what a rule would delete, and sets nothing.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 3; n++) await app.append('a-1', message);
  const { status, body } = await call(app, 'PUT', '/retention?dryRun=true', { maxMessages: 1 });
  expect([status, body.holds.messages, body.takes.messages, body.category]).toEqual([200, 3, 2, null]);
  expect((await call(app, 'GET', '/retention')).body).toEqual({ rules: [] });
});

test('The settings apply to namespaces without a rule for their whole log.', async () => {
  await using app = await startTestApp(['--retention-max-messages', '2']);
  for (let n = 0; n < 4; n++) await app.append('a-1', message);
  await expect.poll(() => positions(app, 'a-1'), { timeout: 20_000 }).toEqual([2, 3]);
  expect((await call(app, 'GET', '/retention')).body.rules).toMatchObject([{ category: null, isDefault: true }]);
  await call(app, 'PUT', '/retention', { maxMessages: 1_000 });
  expect((await call(app, 'GET', '/retention')).body.rules).toMatchObject([{ maxMessages: 1_000, isDefault: false }]);
});

test.each([
  ['{}', 'maxAgeMs, maxMessages, maxBytes'],
  ['', 'body'],
  ['[]', 'body'],
  ['{"maxMessages":0}', 'maxMessages'],
  ['{"maxAgeMs":"7d"}', 'maxAgeMs'],
  ['{"maxBytes":1.5}', 'maxBytes'],
  ['{"maxDays":7}', 'maxDays'],
])('Limits that are none are refused, naming the field: %s', async (body, field) => {
  await using app = await startTestApp();
  const response = await fetch(`${app.url}/retention`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect([response.status, error.code]).toEqual([400, 'INVALID_REQUEST']);
  expect(error.message).toContain(field);
});

test('Rules and erasing require an admin token of the namespace.', async () => {
  await using app = await startTestApp(['--auth', 'token']);
  const { token } = await app.namespaces.createToken('default', { label: '', scope: 'write', expiresAtMs: undefined });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (const [method, path] of [
    ['GET', '/retention'],
    ['PUT', '/retention'],
    ['DELETE', '/categories/a/retention'],
    ['DELETE', '/streams/a-1'],
    ['DELETE', '/streams/a-1/messages/0'],
  ]) {
    const response = await fetch(app.url + path, { method: method!, headers });
    expect([method, path, response.status]).toEqual([method, path, 403]);
  }
});

test('An erased message is gone from reads, and its position is not reused.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 3; n++) await app.append('a-1', message);
  expect(await call(app, 'DELETE', '/streams/a-1/messages/1')).toEqual({ status: 204, body: undefined });
  expect(await positions(app, 'a-1')).toEqual([0, 2]);
  const again = await call(app, 'DELETE', '/streams/a-1/messages/1');
  expect([again.status, again.body.error.code]).toEqual([404, 'MESSAGE_NOT_FOUND']);
  expect((await app.get('/export')).text).not.toContain('"position":1,');
  expect(await call(app, 'DELETE', '/streams/a-1')).toEqual({ status: 200, body: { erased: 2 } });
  expect((await app.get('/streams/a-1')).body).toMatchObject({ version: 2, messageCount: 0 });
  expect((await app.append('a-1', message)).body).toMatchObject({ position: 3, globalPosition: 4 });
  expect(await app.metrics.registry.metrics()).toMatch(/^pokewire_messages_erased_total 3$/m);
});

test('The methods of /rpc do the same.', async () => {
  await using app = await startTestApp();
  const rpc = new RpcClient(app.url);
  for (let n = 0; n < 3; n++) await app.append('a-1', message);
  const dry = await rpc.call('ns.retention.set', { maxMessages: 1 }, { category: 'a', dryRun: true });
  expect(dry).toMatchObject({ category: 'a', takes: { messages: 2 } });
  await rpc.call('ns.retention.set', { maxAgeMs: 3_600_000 });
  expect(await rpc.call('ns.retention.list')).toMatchObject([{ category: null, maxAgeMs: 3_600_000 }]);
  expect(await rpc.call('ns.retention.delete')).toEqual({ category: null });
  expect(await rpc.call('ns.retention.list')).toEqual([]);
  expect(await rpc.call('stream.erase', 'a-1', { position: 0 })).toEqual({ stream: 'a-1', erased: 1 });
  expect(await rpc.call('stream.erase', 'a-1')).toEqual({ stream: 'a-1', erased: 2 });
});

test('A subscriber who reconnects after its messages were forgotten gets the exact range it missed.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 6; n++) await app.append('a-1', message);
  await call(app, 'PUT', '/retention', { maxMessages: 2 });
  await expect.poll(() => positions(app, 'a-1'), { timeout: 20_000 }).toEqual([4, 5]);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a&hello=true', {
    headers: { 'last-event-id': '1' },
  });
  await client.waitFor(() => client.events.length === 4, 'hello, reset and two pokes');
  const told = client.events.map(({ type, data }) => [type, JSON.parse(data)]);
  expect(told[0]).toMatchObject(['hello', { head: 6, forgottenUpTo: 4 }]);
  expect(told[1]).toMatchObject(['reset', { reason: 'forgotten', lost: { from: 2, to: 4 }, replayFrom: 5 }]);
});
