import { expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';
import { describeGroups } from './group-cases.ts';

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
