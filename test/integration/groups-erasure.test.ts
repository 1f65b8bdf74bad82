import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { type Assigned, GroupWorker, of } from './group-worker.ts';

const opened = { type: 'Opened', data: {} };
const held = async (app: TestApp) => (await app.get('/groups/billing/parked')).body.held;
const erase = (app: TestApp, path: string) => fetch(`${app.url}/streams/${path}`, { method: 'DELETE' });

/** Collects the server's audit lines. */
function auditLog() {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(line, _encoding, done) {
      const facts = JSON.parse(String(line));
      if (facts.audit !== undefined) lines.push(facts);
      done();
    },
  });
  return { lines, log: pino(sink) };
}

test('A stream parked at an erased message continues after it, with an audit line.', async () => {
  const { lines, log } = auditLog();
  await using app = await startTestApp([], { log });
  await app.append('account-1', [opened, opened, opened]);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
  await using _client = worker.client;
  const [owned] = await worker.wait<Assigned>('assigned');
  await worker.post('hold', { ...of(owned!), stream: 'account-1', position: 0, error: 'bad', park: true });
  await erase(app, 'account-1/messages/1');
  await erase(app, 'account-1/messages/0');
  expect(await worker.wait('retry')).toMatchObject([{ stream: 'account-1', position: 2, attempt: 1 }]);
  expect(await held(app)).toMatchObject([{ stream: 'account-1', position: 2, attempts: 0 }]);
  expect(lines.filter(({ audit }) => audit === 'group-erased')).toMatchObject([
    { group: 'billing', partition: 0, stream: 'account-1', position: 0 },
  ]);
});

test('A worker settles a parked stream whose messages were all erased.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url);
  await pokewire.append('account-1', [opened, opened]);
  const parked = Promise.withResolvers<void>();
  const worker = pokewire.consume(
    { category: 'account', group: 'billing', member: 'worker-1', size: 1 },
    () => {
      throw new Error('bad');
    },
    { retryMs: [], maxAttempts: 1, onHeld: () => parked.resolve() },
  );
  await parked.promise;
  await erase(app, 'account-1');
  await expect.poll(() => held(app), { timeout: 20_000 }).toEqual([]);
  await worker.stop();
});

test('A message erased while its handler fails is retried at once, so that its worker settles it.', async () => {
  await using app = await startTestApp();
  await app.append('account-1', [opened, opened]);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
  await using _client = worker.client;
  const [owned] = await worker.wait<Assigned>('assigned');
  await erase(app, 'account-1/messages/0');
  const failure = { ...of(owned!), stream: 'account-1', error: 'bad', park: true };
  expect((await worker.post('hold', { ...failure, position: 0 })).status).toBe(200);
  expect(await worker.wait('retry')).toMatchObject([{ stream: 'account-1', position: 0 }]);
  // As a worker does when it finds no message there.
  const settled = await worker.post('settle', { ...of(owned!), stream: 'account-1', position: 0, upTo: 0 });
  expect(settled.body).toEqual({ held: false });
  expect(await worker.post('hold', { ...failure, position: 2 })).toMatchObject({ status: 400 });
});
