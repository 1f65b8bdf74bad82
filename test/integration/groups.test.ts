import { expect, test } from 'vitest';
import { ended, importBody } from '../support/import-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { describeGroups } from './group-cases.ts';
import { type Assigned, GroupWorker, of, post } from './group-worker.ts';

describeGroups(startTestApp);

test('Parameters of plain subscriptions are refused for a member.', async () => {
  await using app = await startTestApp();
  const ask = async (query: string) => {
    const { status, body } = await app.get(`/subscribe?${query}`);
    return [status, body.error?.details?.field];
  };
  expect(await ask('category=a&group=g')).toEqual([400, 'member']);
  expect(await ask('category=a&member=m')).toEqual([400, 'group']);
  expect(await ask('group=g&member=m&size=1')).toEqual([400, 'category']);
  expect(await ask('category=a&category=b&group=g&member=m&size=1')).toEqual([400, 'category']);
  expect(await ask('category=a&group=g&member=m&size=1025')).toEqual([400, 'size']);
  for (const other of ['stream=s-1', 'all=true', 'position=1', 'consumer=0', 'lastEventId=1-a', 'conflate=true']) {
    expect(await ask(`category=a&group=g&member=m&size=1&${other}`)).toEqual([400, other.split('=')[0]]);
  }
});

test('A group cannot be used without a token.', async () => {
  await using app = await startTestApp(['--auth', 'token', '--token', `ns_ZGVmYXVsdA_${'a'.repeat(64)}`]);
  expect((await app.get('/subscribe?category=a&group=g&member=m&size=1')).status).toBe(401);
  expect((await app.get('/groups')).status).toBe(401);
});

test('Requests for partitions of a log that was replaced are fenced after the reset, whatever their positions.', async () => {
  await using app = await startTestApp();
  for (const stream of ['account-0', 'account-1']) await app.append(stream, { type: 'Opened', data: {} });
  const worker = await GroupWorker.join(app, 'billing', 'worker-1');
  await using _client = worker.client;
  const [assigned] = await worker.wait<Assigned>('assigned', 2);
  await importBody(`${app.url}/import?force=true`, ended(''));
  await post(app, '/groups/billing/reset', { position: 'first', reason: 'test' });
  const positioned = { ...of(assigned!), position: 2 };
  const late = await worker.post('ack', { acks: [positioned] });
  expect(late).toMatchObject({ status: 409, body: { error: { code: 'FENCED' } } });
  expect((await worker.post('release', { releases: [positioned] })).status).toBe(200);
});
