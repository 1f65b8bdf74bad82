import { expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { type Assigned, GroupWorker, of, post } from './group-worker.ts';

const append = (app: TestApp) => app.append('account-0', { type: 'Opened', data: {} });

/** Lets retention delete all messages except the last. */
async function forget(app: TestApp): Promise<void> {
  await post(app, '/categories/account/retention', { maxMessages: 1 }, 'PUT');
  const count = async () => (await app.get('/categories/account/messages')).body.length;
  await expect.poll(count, { timeout: 20_000 }).toBe(1);
}

test('A member is notified of unsettled messages that retention deleted, and its checkpoint moves past them.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 4; n++) await append(app);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
  await using _client = worker.client;
  const [owned] = await worker.wait<Assigned>('assigned');
  await worker.post('ack', { acks: [{ ...of(owned!), position: 1 }] });
  await forget(app);
  const { partition, generation } = owned!;
  expect(await worker.wait('forgotten')).toEqual([{ partition, generation, lost: { from: 2, to: 3 } }]);
  expect((await app.get('/groups/billing')).body.partitions).toMatchObject([{ checkpoint: 3, lag: { messages: 1 } }]);
  const { text } = await app.get('/metrics');
  expect(text).toContain('pokewire_group_forgotten_total 1');
});

test('A worker continues after messages that retention deleted while its group had no member, and is notified.', async () => {
  await using app = await startTestApp();
  await post(app, '/groups/billing', { category: 'account', size: 1 }, 'PUT');
  for (let n = 0; n < 4; n++) await append(app);
  await forget(app);
  const lost: object[] = [];
  const handled = Promise.withResolvers<number>();
  const worker = connect(app.url).consume(
    { category: 'account', group: 'billing' },
    ({ globalPosition }) => handled.resolve(globalPosition),
    { onForgotten: (range) => lost.push(range) },
  );
  worker.done.catch(handled.reject);
  expect(await handled.promise).toBe(4);
  await worker.stop();
  expect(lost).toEqual([{ from: 1, to: 3 }]);
});

test('A group reports how long retention by age keeps its unsettled messages, how long leases last, and the number of unowned streams.', async () => {
  await using app = await startTestApp();
  await append(app);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=2');
  await using _client = worker.client;
  const owned = await worker.wait<Assigned>('assigned', 2);
  const group = async () => (await app.get('/groups/billing')).body;
  const lefts = async () =>
    (await group()).partitions.map(({ secondsLeft }: { secondsLeft: number | null }) => secondsLeft);
  expect(await lefts()).toEqual([null, null]);
  await post(app, '/retention', { maxAgeMs: 7_200_000 }, 'PUT');
  await post(app, '/categories/account/retention', { maxAgeMs: 3_600_000 }, 'PUT');
  const [left] = (await lefts()).filter((seconds: number | null) => seconds !== null);
  expect(left).toBeGreaterThan(3_500);
  expect(left).toBeLessThanOrEqual(3_600);
  await worker.post('ack', { acks: owned.map((part) => ({ ...of(part), position: 1 })) });
  expect(await lefts()).toEqual([null, null]);
  const { members, unownedStreams } = await group();
  expect(members[0].leaseMs).toBeGreaterThan(0);
  expect(members[0].leaseMs).toBeLessThanOrEqual(15_000);
  expect(unownedStreams).toBe(0);
  await app.append('account', { type: 'Opened', data: {} });
  expect((await group()).unownedStreams).toBe(1);
});

test('A group created after messages were deleted starts with the first existing one, and has lost nothing.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 4; n++) await append(app);
  await forget(app);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
  await using _client = worker.client;
  expect(await worker.wait<Assigned>('assigned')).toMatchObject([{ position: 3 }]);
});

test('A failure reported below the checkpoint holds nothing, and the answer says so.', async () => {
  await using app = await startTestApp();
  for (let n = 0; n < 4; n++) await append(app);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
  await using _client = worker.client;
  const [owned] = await worker.wait<Assigned>('assigned');
  await worker.post('ack', { acks: [{ ...of(owned!), position: 3 }] });
  const hold = async (position: number) => {
    const failure = { ...of(owned!), stream: 'account-0', position, error: 'bad', park: true };
    return (await worker.post('hold', failure)).body;
  };
  // As a request that was in flight while retention moved the checkpoint.
  expect(await hold(2)).toEqual({ held: false });
  expect(await hold(3)).toEqual({ held: true });
});
