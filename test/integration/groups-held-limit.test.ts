import { expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { startTestApp } from '../support/start-app.ts';
import { type Assigned, GroupWorker, of } from './group-worker.ts';

test('A group holds at most a thousand streams, and those can be held again.', async () => {
  await using app = await startTestApp();
  const size = 20;
  const streams = Array.from({ length: 1_001 }, (_value, n) => `account-${n}`);
  for (let at = 0; at < streams.length; at += 100) {
    await Promise.all(streams.slice(at, at + 100).map((stream) => app.append(stream, { type: 'Opened', data: {} })));
  }
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', `&size=${size}`);
  await using _client = worker.client;
  const owned = await worker.wait<Assigned>('assigned', size);
  const hold = (stream: string) => {
    const owner = owned.find(({ partition }) => partition === new StreamName(stream).owner(size))!;
    return worker.post('hold', { ...of(owner), stream, position: 0, error: 'no', park: true });
  };
  for (const stream of streams.slice(0, 1_000)) expect((await hold(stream)).status).toBe(200);
  expect(await hold(streams[1_000]!)).toMatchObject({ status: 409, body: { error: { code: 'TOO_MANY_HELD' } } });
  expect((await hold(streams[0]!)).status).toBe(200);
});
