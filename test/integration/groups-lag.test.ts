import { expect, test } from 'vitest';
import { Exposition } from '../support/exposition.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { type Assigned, GroupWorker, of, post } from './group-worker.ts';

const billing = { namespace: 'default', group: 'billing' };
/** Values of the group's series; undefined: it has none. */
async function seriesOf(app: TestApp) {
  const { metrics } = new Exposition((await app.get('/metrics')).text);
  const sampleOf = (name: string) =>
    metrics.get(`pokewire_group_${name}`)!.samples.find(({ labels }) => labels.group === billing.group)?.value;
  return {
    messages: sampleOf('lag_messages'),
    seconds: sampleOf('lag_seconds'),
    left: sampleOf('forgotten_in_seconds'),
    attached: sampleOf('attached_members'),
  };
}
const poll = (app: TestApp) => expect.poll(() => seriesOf(app), { timeout: 20_000 });

test('The metrics tell how far a group is behind, who works for it, and when retention takes what it has not settled.', async () => {
  await using app = await startTestApp();
  await post(app, '/categories/account/retention', { maxAgeMs: 3_600_000 }, 'PUT');
  const opened = { type: 'Opened', data: {} };
  await app.append('account-1', [opened, opened]);
  await app.append('other-1', opened);
  await app.append('account-2', opened);
  await post(app, '/groups/billing', { category: 'account', size: 2 }, 'PUT');
  await poll(app).toMatchObject({ messages: 3, attached: 0, left: expect.any(Number) });
  const { left, seconds } = await seriesOf(app);
  expect(left).toBeGreaterThan(3_500);
  expect(left! + seconds!).toBeCloseTo(3_600, 3);
  const worker = await GroupWorker.join(app, 'billing', 'worker-1', '');
  await using _client = worker.client;
  const owned = await worker.wait<Assigned>('assigned', 2);
  await poll(app).toMatchObject({ messages: 3, attached: 1 });
  await worker.post('ack', { acks: owned.map((each) => ({ ...of(each), position: 4 })) });
  await poll(app).toEqual({ messages: 0, seconds: 0, left: undefined, attached: 1 });
  await fetch(`${app.url}/groups/billing`, { method: 'DELETE' });
  await poll(app).toEqual({ messages: undefined, seconds: undefined, left: undefined, attached: undefined });
});

test('A group says when a rule by number takes what it has not settled, as fast as messages go.', async () => {
  await using app = await startTestApp();
  const opened = { type: 'Opened', data: {} };
  await app.append('account-1', Array(10).fill(opened));
  await post(app, '/groups/billing', { category: 'account', size: 1, start: 'last' }, 'PUT');
  await app.append('account-1', Array(50).fill(opened));
  await poll(app).toMatchObject({ messages: 50, left: undefined });
  await post(app, '/categories/account/retention', { maxMessages: 55 }, 'PUT');
  await poll(app).toMatchObject({ messages: 50, left: expect.any(Number) });
  const [partition] = (await app.get('/groups/billing')).body.partitions;
  expect(partition.secondsLeft).toBeGreaterThan(0);
});
