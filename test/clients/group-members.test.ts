import { expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import type { GroupState } from '../../src/client/groups/consume-group.ts';
import { ended, importBody, recordAt } from '../support/import-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const work = { category: 'account', group: 'billing', member: 'worker-1', size: 1 };
const deposit = { type: 'Deposited', data: {} };

test('A member ends when its group is deleted, and does not create it again.', async () => {
  await using app = await startTestApp();
  const assigned = Promise.withResolvers<void>();
  const worker = connect(app.url).consume(work, () => {}, { onAssigned: () => assigned.resolve() });
  const why = worker.done.catch((error: unknown) => error);
  await assigned.promise;
  expect((await fetch(`${app.url}/groups/billing`, { method: 'DELETE' })).status).toBe(204);
  expect(await why).toMatchObject({ code: 'GROUP_DELETED' });
  expect((await app.get('/groups/billing')).status).toBe(404);
});

test('A member configured to stop at a poison message settles the messages before it, and ends.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url);
  await pokewire.append('account-1', [deposit, deposit, deposit]);
  const poison = new Error('poison');
  const handler = ({ position }: { position: number }) => {
    if (position === 1) throw poison;
  };
  const worker = pokewire.consume(work, handler, { onPoison: 'stop', maxAttempts: 2, retryMs: [1] });
  await expect(worker.done).rejects.toMatchObject({
    code: 'POISON',
    cause: poison,
    details: { stream: 'account-1', position: 1, globalPosition: 2 },
  });
  expect((await app.get('/groups/billing')).body).toMatchObject({ partitions: [{ checkpoint: 1 }] });
});

test('A member without a name gets one that says what it is.', async () => {
  await using app = await startTestApp();
  const joined = Promise.withResolvers<string>();
  const onState = (state: GroupState) => {
    if (state.name === 'joined') joined.resolve(state.member);
  };
  await using _worker = connect(app.url).consume({ ...work, member: undefined }, () => {}, { onState });
  expect(await joined.promise).toMatch(/^worker-[0-9a-z]{2,14}$/);
});

test('A member without a size ends if the group does not exist.', async () => {
  await using app = await startTestApp();
  const worker = connect(app.url).consume({ ...work, size: undefined }, () => {});
  await expect(worker.done).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND', status: 404 });
});

test('A member ends when its token is revoked.', async () => {
  const admin = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;
  await using app = await startTestApp(['--token', admin]);
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
  const rpc = async (...call: unknown[]) => {
    const answer = await fetch(`${app.url}/rpc`, { method: 'POST', headers, body: JSON.stringify(call) });
    return (await answer.json()) as { token: string; tokenId: string };
  };
  const { token, tokenId } = await rpc('ns.token.create', 'default', { scope: 'write' });
  const assigned = Promise.withResolvers<void>();
  const worker = connect(app.url, { token }).consume(work, () => {}, { onAssigned: () => assigned.resolve() });
  const why = worker.done.catch((error: unknown) => error);
  await assigned.promise;
  await rpc('ns.token.revoke', 'default', tokenId);
  expect(await why).toMatchObject({ code: 'REVOKED' });
});

/** Replaces the server by one with an empty log. */
async function restarted(app: TestApp): Promise<TestApp> {
  await app.close();
  return startTestApp(['--port', String(app.port)]);
}

test('A member recreates its group in the new log of a restarted server.', async () => {
  const first = await startTestApp();
  const pokewire = connect(first.url, { retry: { minMs: 10, maxMs: 100 } });
  await pokewire.append('account-1', deposit);
  const [finish, begun, again] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  const worker = pokewire.consume(work, async ({ stream }) => {
    if (stream !== 'account-1') {
      again!.resolve();
      return;
    }
    begun!.resolve();
    await finish!.promise;
  });
  worker.done.catch(again!.reject);
  await begun!.promise;
  await using second = await restarted(first);
  // This acknowledgement is for a deleted group.
  finish!.resolve();
  await pokewire.append('account-2', deposit);
  await again!.promise;
  expect((await second.get('/groups/billing')).status).toBe(200);
  await worker.stop();
});

test('A member that reconnects to a missing group reports that it was deleted.', async () => {
  const first = await startTestApp();
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ category: 'account', size: 1 });
  await fetch(`${first.url}/groups/billing`, { method: 'PUT', headers, body });
  const assigned = Promise.withResolvers<void>();
  const worker = connect(first.url, { retry: { minMs: 10, maxMs: 100 } }).consume(
    { ...work, size: undefined },
    () => {},
    { onAssigned: () => assigned.resolve() },
  );
  const why = worker.done.catch((error: unknown) => error);
  await assigned.promise;
  await using _second = await restarted(first);
  expect(await why).toMatchObject({ code: 'GROUP_DELETED', cause: { code: 'GROUP_NOT_FOUND' } });
});

test('A member that waits for the reset of a group whose log was replaced handles the new log from its first message.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url, { retry: { minMs: 10, maxMs: 100 } });
  await pokewire.append('account-1', [deposit, deposit, deposit]);
  const handled: string[] = [];
  const [assigned, again, last] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  let joins = 0;
  const handler = ({ stream, position }: { stream: string; position: number }) => {
    handled.push(`${stream}/${position}`);
    if (stream === 'account-3') last!.resolve();
  };
  const worker = pokewire.consume(work, handler, {
    onAssigned: () => assigned!.resolve(),
    onState: ({ name }) => name === 'joined' && ++joins === 2 && again!.resolve(),
  });
  const ending = worker.done.catch((error: unknown) => error);
  const group = async () => (await app.get('/groups/billing')).body;
  const settled = async (position: number) =>
    (await app.get(`/groups/billing/wait?position=${position}&timeoutMs=60000`)).body.reached;
  await assigned!.promise;
  expect(await settled(3)).toBe(true);
  const replaced = await importBody(`${app.url}/import?force=true`, ended(recordAt('account-2/0@1')));
  expect(replaced.status).toBe(200);
  await again!.promise;
  expect(await group()).toMatchObject({ state: 'new-log' });
  handled.length = 0;
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ position: 'first', reason: 'restored' });
  await fetch(`${app.url}/groups/billing/reset`, { method: 'POST', headers, body });
  await pokewire.append('account-3', deposit);
  await last!.promise;
  expect(handled).toEqual(['account-2/0', 'account-3/0']);
  expect(await settled(2)).toBe(true);
  expect((await group()).lag.messages).toBe(0);
  await worker.stop();
  expect(await ending).toBeUndefined();
});

test('A member accepts a partition that holds the maximum number of streams with the longest names.', async () => {
  await using app = await startTestApp();
  const pokewire = connect(app.url);
  const streams = Array.from({ length: 100 }, (_value, n) => `account-${n}-`.padEnd(1_024, '"'));
  for (const stream of streams) await pokewire.append(stream, deposit);
  const parked = Promise.withResolvers<void>();
  let held = 0;
  const fail = () => {
    throw new Error('bad');
  };
  const first = pokewire.consume(work, fail, {
    retryMs: [],
    maxAttempts: 1,
    onHeld: () => ++held === streams.length && parked.resolve(),
  });
  await parked.promise;
  await first.stop();
  const assigned = Promise.withResolvers<void>();
  const second = pokewire.consume(work, fail, { onAssigned: () => assigned.resolve() });
  await assigned.promise;
  await second.stop();
});
