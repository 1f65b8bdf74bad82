import { expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import type { TestApp } from '../support/start-app.ts';
import { type Assigned, GroupWorker, of, post } from './group-worker.ts';

/** For groups of size 2, Message DB assigns these to members 0 and 1. */
const streams = ['account-0', 'account-1', 'account-2', 'account-3'];
const append = (app: TestApp, stream: string) => app.append(stream, { type: 'Opened', data: {} });

/** Tests of groups over HTTP, for members and administrators, with any store. `start`: a server with an empty store. */
export function describeGroups(start: () => Promise<TestApp>): void {
  /** A server with a message in each of these streams. */
  async function filled(): Promise<TestApp> {
    const app = await start();
    for (const stream of streams) await append(app, stream);
    return app;
  }

  test('The first member creates the group, owns all partitions, gets leases for its beats, and receives pokes.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1');
    await using _client = worker.client;
    const assigned = await worker.wait<Assigned>('assigned', 2);
    expect(worker.told('joined')).toMatchObject([
      { group: 'billing', member: 'worker-1', attempt: 1, layout: 0, size: 2, leaseMs: 15_000, beatMs: 3_000, head: 4 },
    ]);
    expect(assigned).toMatchObject([
      { partition: 0, layout: 0, size: 2, position: 0, floors: [], held: [] },
      { partition: 1, layout: 0, size: 2, position: 0, floors: [], held: [] },
    ]);
    expect((await worker.post('beat', { beat: 1 })).status).toBe(204);
    expect(await worker.wait('lease')).toMatchObject([{ beat: 1, except: [] }]);
    await append(app, 'account-0');
    const [poke] = await worker.wait<Assigned & { stream: string }>('poke');
    expect(poke).toMatchObject({ stream: 'account-0', position: 1, globalPosition: 5 });
    const page = `/categories/account/messages?consumer=${poke!.partition}&size=2`;
    expect((await app.get(page)).body.map(({ stream }: { stream: string }) => stream)).toContain('account-0');
  });

  test('A second member gets its share once the first has released it, starting after the acknowledged messages.', async () => {
    await using app = await filled();
    const first = await GroupWorker.join(app, 'billing', 'worker-1');
    await using _first = first.client;
    await first.wait('assigned', 2);
    const second = await GroupWorker.join(app, 'billing', 'worker-2', '');
    await using _second = second.client;
    const [revoked] = await first.wait<Assigned>('revoke');
    expect(second.told('assigned')).toEqual([]);
    await first.post('release', { releases: [{ ...of(revoked!), position: 3 }] });
    const [assigned] = await second.wait<Assigned>('assigned');
    expect(assigned).toMatchObject({ partition: revoked!.partition, position: 3 });
    expect(assigned!.generation).toBeGreaterThan(revoked!.generation);
    // The first member does not know about the second yet.
    const late = await first.post('ack', { acks: [{ ...of(revoked!), position: 4 }] });
    expect(late).toMatchObject({
      status: 409,
      body: { error: { code: 'FENCED', details: { current: assigned!.generation } } },
    });
    const { body } = await app.get('/groups/billing');
    expect(body).toMatchObject({ group: 'billing', category: 'account', size: 2, state: 'stable', head: 4 });
    expect(body.members.map(({ member }: { member: string }) => member)).toEqual(['worker-1', 'worker-2']);
  });

  test('A member that leaves hands everything over at once.', async () => {
    await using app = await filled();
    const first = await GroupWorker.join(app, 'billing', 'worker-1');
    await using _first = first.client;
    const owned = await first.wait<Assigned>('assigned', 2);
    const second = await GroupWorker.join(app, 'billing', 'worker-2', '');
    await using _second = second.client;
    await second.wait('joined');
    await first.wait('revoke');
    expect((await first.post('leave', { acks: owned.map((each) => ({ ...of(each), position: 2 })) })).status).toBe(204);
    const assigned = await second.wait<Assigned>('assigned', 2);
    expect(assigned.map(({ position }) => position)).toEqual([2, 2]);
  });

  test('A worker that reconnects with its session keeps its partitions in the same generations.', async () => {
    await using app = await filled();
    const before = await GroupWorker.join(app, 'billing', 'worker-1');
    const owned = await before.wait<Assigned>('assigned', 2);
    before.client.destroy();
    const after = await GroupWorker.join(app, 'billing', 'worker-1', `&session=${before.session}&attempt=2`);
    await using _client = after.client;
    const again = await after.wait<Assigned>('assigned', 2);
    expect(after.session).toBe(before.session);
    expect(again.map(({ generation }) => generation)).toEqual(owned.map(({ generation }) => generation));
  });

  test('A new process with the same name takes over once the connection of the old one is gone, and fences it; before that the name is taken.', async () => {
    await using app = await filled();
    const old = await GroupWorker.join(app, 'billing', 'worker-1');
    const owned = await old.wait<Assigned>('assigned', 2);
    const refused = await app.get('/subscribe?category=account&group=billing&member=worker-1');
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'MEMBER_TAKEN' } } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    old.client.destroy();
    await expect.poll(async () => (await app.get('/groups/billing')).body.members[0].attached).toBe(false);
    const next = await GroupWorker.join(app, 'billing', 'worker-1', '');
    await using _client = next.client;
    const given = await next.wait<Assigned>('assigned', 2);
    expect(Math.min(...given.map(({ generation }) => generation))).toBeGreaterThan(2);
    const late = await old.post('ack', { acks: owned.map((each) => ({ ...of(each), position: 4 })) });
    expect(late).toMatchObject({ status: 409, body: { error: { code: 'FENCED' } } });
  });

  test('An acknowledgement is cumulative, never goes back, and never goes beyond the log.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1');
    await using _client = worker.client;
    const [owned] = await worker.wait<Assigned>('assigned', 2);
    const ack = (position: number) => worker.post('ack', { acks: [{ ...of(owned!), position }] });
    expect(await ack(4)).toMatchObject({ status: 200, body: { acked: [{ position: 4 }], fenced: [] } });
    expect((await ack(2)).status).toBe(200);
    expect((await app.get('/groups/billing')).body.partitions[owned!.partition].checkpoint).toBe(4);
    expect(await ack(5)).toMatchObject({ status: 400, body: { error: { code: 'INVALID_REQUEST' } } });
  });

  test('A held stream waits while others continue, and is retried, parked, replayed, and settled.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    await using _client = worker.client;
    const [owned] = await worker.wait<Assigned>('assigned');
    const stream = 'account-1';
    const failure = { ...of(owned!), stream, position: 0, error: 'no answer' };
    expect((await worker.post('hold', { ...failure, retryInMs: 1 })).status).toBe(200);
    expect(await worker.wait('retry')).toMatchObject([{ stream, position: 0, attempt: 2 }]);
    expect((await worker.post('ack', { acks: [{ ...of(owned!), position: 4 }] })).status).toBe(200);
    expect((await worker.post('hold', { ...failure, park: true })).status).toBe(200);
    expect((await app.get('/groups/billing/parked')).body).toMatchObject({
      held: [{ partition: 0, stream, position: 0, attempts: 2, retryAt: null, error: 'no answer' }],
      more: false,
    });
    await append(app, stream);
    expect(await app.get(`/groups/billing/wait?position=5&stream=${stream}`)).toMatchObject({
      status: 409,
      body: { error: { code: 'STREAM_HELD' } },
    });
    expect((await post(app, '/groups/billing/parked/replay', { streams: [stream], reason: 'mended' })).body).toEqual({
      streams: [stream],
    });
    await worker.wait('retry', 2);
    // The worker has read up to the head and skipped the stream's second message.
    const settle = (position: number) => worker.post('settle', { ...of(owned!), stream, position, upTo: 5 });
    expect((await settle(0)).body).toEqual({ held: true, position: 1 });
    expect((await settle(1)).body).toEqual({ held: false });
    expect((await app.get('/groups/billing/parked')).body.held).toEqual([]);
  });

  test("The metrics of a node show its members' partitions, those being revoked, and held streams.", async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1');
    await using _client = worker.client;
    const owned = await worker.wait<Assigned>('assigned', 2);
    const stream = streams[0]!;
    const owner = owned.find(({ partition }) => partition === new StreamName(stream).owner(2))!;
    await worker.post('hold', { ...of(owner), stream, position: 0, error: 'bad', park: true });
    const other = await GroupWorker.join(app, 'billing', 'worker-2', '');
    await using _other = other.client;
    const [revoked] = await worker.wait<Assigned>('revoke');
    const { text } = await app.get('/metrics');
    expect(text).toContain('pokewire_group_partitions{state="owned"} 1\n');
    expect(text).toContain('pokewire_group_partitions{state="revoking"} 1\n');
    expect(text).toContain('pokewire_group_held 1\n');
    await worker.post('release', { releases: [{ ...of(revoked!), position: 0 }] });
    await other.wait('assigned');
    const moved = await app.get('/metrics');
    expect(moved.text).toContain('pokewire_group_partitions{state="owned"} 2\n');
    expect(moved.text).toContain('pokewire_group_partitions{state="revoking"} 0\n');
  });

  test('A skipped message is never handled, and later ones continue.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    await using _client = worker.client;
    const [owned] = await worker.wait<Assigned>('assigned');
    await worker.post('hold', { ...of(owned!), stream: 'account-1', position: 0, error: 'bad', park: true });
    expect((await post(app, '/groups/billing/parked/skip', { all: true })).status).toBe(400);
    const skipped = await post(app, '/groups/billing/parked/skip', { all: true, reason: 'it is broken' });
    expect(skipped.body).toEqual({ streams: ['account-1'] });
    expect(await worker.wait('retry')).toMatchObject([{ stream: 'account-1', position: 1 }]);
    expect((await worker.post('settle', { ...of(owned!), stream: 'account-1', position: 1, upTo: 4 })).body).toEqual({
      held: false,
    });
  });

  test('If the request names a message, it is skipped only while its stream is held at it.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    await using _client = worker.client;
    const [owned] = await worker.wait<Assigned>('assigned');
    const skip = (position: number) =>
      post(app, '/groups/billing/parked/skip', {
        messages: [{ stream: 'account-1', position }],
        reason: 'it is broken',
      });
    await worker.post('hold', { ...of(owned!), stream: 'account-1', position: 0, error: 'bad', park: true });
    expect((await skip(1)).body).toEqual({ streams: [] });
    expect((await skip(0)).body).toEqual({ streams: ['account-1'] });
    // The next message fails too, so the administrator has not seen the one that would be skipped.
    await worker.post('hold', { ...of(owned!), stream: 'account-1', position: 1, error: 'bad', park: true });
    expect((await skip(0)).body).toEqual({ streams: [] });
    expect((await app.get('/groups/billing/parked')).body.held).toMatchObject([{ stream: 'account-1', position: 1 }]);
  });

  test('A wait for a position is answered when the group has settled it, whether or not its partition has a message there.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    await using _client = worker.client;
    const [owned] = await worker.wait<Assigned>('assigned');
    const waiting = app.get('/groups/billing/wait?position=4&timeoutMs=60000');
    expect((await app.get('/groups/billing/wait?position=4&timeoutMs=0')).body).toEqual({
      reached: false,
      checkpoint: 0,
      held: 0,
    });
    await worker.post('ack', { acks: [{ ...of(owned!), position: 4 }] });
    expect((await waiting).body).toEqual({ reached: true, checkpoint: 4, held: 0 });
    await append(app, 'other-1');
    expect((await app.get('/groups/billing/wait?position=5&timeoutMs=60000')).body.reached).toBe(true);
  });

  test('A resize keeps settled messages settled, and a reset starts over in new generations.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1');
    await using _client = worker.client;
    const owned = await worker.wait<Assigned>('assigned', 2);
    expect((await post(app, '/groups/billing/resize', { size: 4 })).status).toBe(202);
    await worker.wait('revoke', 2);
    await worker.post('release', { releases: owned.map((each) => ({ ...of(each), position: 4 })) });
    const resized = (await worker.wait<Assigned>('assigned', 6)).slice(2);
    expect(resized.map(({ partition, size, layout, position }) => [partition, size, layout, position]).sort()).toEqual(
      [0, 1, 2, 3].map((partition) => [partition, 4, 1, 4]),
    );
    expect((await post(app, '/groups/billing/reset', { position: 'first', reason: 'rebuild' })).status).toBe(202);
    await worker.wait('revoke', 6);
    await worker.post('release', { releases: resized.map((each) => ({ ...of(each), position: 4 })) });
    const reset = (await worker.wait<Assigned>('assigned', 10)).slice(6);
    expect(reset.map(({ position, layout }) => [position, layout])).toEqual(Array(4).fill([0, 2]));
    const generations = [...owned, ...resized, ...reset].map(({ generation }) => generation);
    expect(new Set(generations).size).toBe(10);
  });

  test('A stopped group owns no partitions until it is started, and keeps its members.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    await using _client = worker.client;
    const [owned] = await worker.wait<Assigned>('assigned');
    await post(app, '/groups/billing/stop', {});
    await worker.wait('revoke');
    await worker.post('release', { releases: [{ ...of(owned!), position: 1 }] });
    expect((await app.get('/groups/billing')).body).toMatchObject({ state: 'stopped', partitions: [{ member: null }] });
    await post(app, '/groups/billing/start', {});
    expect((await worker.wait<Assigned>('assigned', 2))[1]).toMatchObject({ position: 1 });
  });

  test('An evicted member is disconnected; a deleted group disconnects all, and a new one continues above its generations.', async () => {
    await using app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    const other = await GroupWorker.join(app, 'billing', 'worker-2', '');
    const [owned] = await worker.wait<Assigned>('assigned');
    expect((await post(app, '/groups/billing/evict', { member: 'nobody' })).body).toEqual({ begun: false });
    await post(app, '/groups/billing/evict', { member: 'worker-2' });
    expect(await other.wait('end')).toEqual([{ code: 'fenced' }]);
    expect((await fetch(`${app.url}/groups/billing`, { method: 'DELETE' })).status).toBe(204);
    expect(await worker.wait('end')).toEqual([{ code: 'group-deleted' }]);
    expect((await app.get('/groups/billing')).status).toBe(404);
    expect((await worker.post('ack', { acks: [{ ...of(owned!), position: 1 }] })).status).toBe(404);
    const again = await GroupWorker.join(app, 'billing', 'worker-1', '&size=1');
    await using _again = again.client;
    expect((await again.wait<Assigned>('assigned'))[0]!.generation).toBeGreaterThan(owned!.generation);
  });

  test('A group is created once as requested, and not by a join that may be mistyped.', async () => {
    await using app = await filled();
    const put = (body: object) => post(app, '/groups/billing', body, 'PUT');
    expect(await app.get('/subscribe?category=account&group=biling&member=a')).toMatchObject({
      status: 404,
      body: { error: { code: 'GROUP_NOT_FOUND' } },
    });
    expect((await put({ category: 'account', size: 3, start: 'last' })).status).toBe(201);
    expect(await put({ category: 'account', size: 3 })).toMatchObject({
      status: 200,
      body: { category: 'account', size: 3 },
    });
    expect(await put({ category: 'account', size: 4 })).toMatchObject({
      status: 409,
      body: { error: { code: 'GROUP_EXISTS', details: { category: 'account', size: 3 } } },
    });
    const worker = await GroupWorker.join(app, 'billing', 'a', '');
    await using _client = worker.client;
    expect((await worker.wait<Assigned>('assigned', 3)).map(({ position }) => position)).toEqual([4, 4, 4]);
    expect((await app.get('/groups')).body).toEqual({
      groups: [{ group: 'billing', category: 'account', size: 3, layout: 0, members: 1, isStopped: false }],
    });
  });

  test('A stopping server tells its members to reconnect.', async () => {
    const app = await filled();
    const worker = await GroupWorker.join(app, 'billing', 'worker-1');
    await worker.wait('assigned', 2);
    await app.close();
    expect(await worker.wait('end')).toEqual([{ code: 'draining' }]);
  });
}
