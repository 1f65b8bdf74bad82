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

test('The metrics show a group’s lag, its members, and when retention will delete its unsettled messages.', async () => {
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

test('A group predicts when a rule by number will delete its unsettled messages, from the rate of deletions.', async () => {
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

test('The metrics count the partitions of a group by state, and time each hand-over between members.', async () => {
  await using app = await startTestApp();
  const scrape = async () => new Exposition((await app.get('/metrics')).text);
  const states = async () => {
    const { metrics } = await scrape();
    const samples = metrics.get('pokewire_group_partition_states')!.samples;
    return Object.fromEntries(samples.map(({ labels, value }) => [labels.state, value]));
  };
  const pollStates = () => expect.poll(states, { timeout: 20_000 });
  await post(app, '/groups/billing', { category: 'account', size: 2 }, 'PUT');
  await pollStates().toEqual({ owned: 0, moving: 0, unowned: 2 });
  const first = await GroupWorker.join(app, 'billing', 'worker-1', '');
  await using _first = first.client;
  await first.wait<Assigned>('assigned', 2);
  await pollStates().toEqual({ owned: 2, moving: 0, unowned: 0 });
  expect((await scrape()).value('pokewire_group_handover_seconds_count')).toBe(0);

  const second = await GroupWorker.join(app, 'billing', 'worker-2', '');
  await using _second = second.client;
  const [revoked] = await first.wait<Assigned>('revoke');
  await pollStates().toEqual({ owned: 1, moving: 1, unowned: 0 });
  await first.post('release', { releases: [{ ...of(revoked!), position: 0 }] });
  await second.wait<Assigned>('assigned');
  await pollStates().toEqual({ owned: 2, moving: 0, unowned: 0 });
  const metrics = await scrape();
  expect(metrics.value('pokewire_group_handover_seconds_count')).toBe(1);
  expect(metrics.value('pokewire_group_handover_seconds_sum')).toBeGreaterThan(0);
});
