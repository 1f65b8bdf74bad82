import { expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { runHere } from '../support/run-command.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { type Assigned, GroupWorker, of, post } from './group-worker.ts';

const streams = Array.from({ length: 30 }, (_value, n) => `account-${n}`);
/** One message per stream, plus 30 of the first: half of all. */
async function filled(): Promise<TestApp> {
  const app = await startTestApp();
  const opened = { type: 'Opened', data: {} };
  for (const stream of streams) await app.append(stream, opened);
  await app.append(streams[0]!, Array(30).fill(opened));
  await app.append('account', opened);
  await app.append('other-1', opened);
  return app;
}

const plan = async (app: TestApp, size: number) => (await post(app, `/groups/billing/plan?size=${size}`, {})).body;
const countOf = (size: number, partition: number) =>
  streams.filter((stream) => new StreamName(stream).owner(size) === partition).length;

test('A plan counts streams and messages of each partition, names the largest stream, and changes nothing.', async () => {
  await using app = await filled();
  await post(app, '/groups/billing', { category: 'account', size: 4 }, 'PUT');
  const planned = await plan(app, 6);
  expect(planned).toMatchObject({
    size: 6,
    streams: 30,
    exact: true,
    moved: 0,
    largest: { stream: 'account-0', share: 31 / 60 },
    predecessors: 2,
  });
  for (const [partition, { member, streams: own }] of planned.perPartition.entries()) {
    expect([member, own]).toEqual([null, countOf(6, partition)]);
  }
  const messages = planned.perPartition.map((each: { messagesPerDay: number }) => each.messagesPerDay / 24);
  // Messages appended within an hour count as an hour's messages.
  expect(messages.reduce((sum: number, count: number) => sum + count)).toBeCloseTo(60, 5);
  expect(messages[new StreamName('account-0').owner(6)]).toBeGreaterThanOrEqual(31);
  expect((await app.get('/groups/billing')).body).toMatchObject({ size: 4, layout: 0, state: 'empty' });
});

test('A plan predicts how many streams move, and the resize confirms it.', async () => {
  await using app = await filled();
  const one = await GroupWorker.join(app, 'billing', 'worker-1', '&size=4');
  await using _one = one.client;
  const owned = await one.wait<Assigned>('assigned', 4);
  const other = await GroupWorker.join(app, 'billing', 'worker-2', '');
  await using _other = other.client;
  await one.wait('revoke', 2);
  await one.post('release', { releases: owned.slice(2).map((each) => ({ ...of(each), position: 0 })) });
  await other.wait('assigned', 2);
  expect(await plan(app, 8)).toMatchObject({ moved: 0, predecessors: 1 });
  expect(await plan(app, 4)).toMatchObject({ moved: 0, predecessors: 1 });
  const ownerIn = async () => {
    const { partitions, size } = (await app.get('/groups/billing')).body;
    return streams.map((stream) => partitions[new StreamName(stream).owner(size)].member);
  };
  const before = await ownerIn();
  const { moved, perPartition } = await plan(app, 3);
  const planned = streams.map((stream) => perPartition[new StreamName(stream).owner(3)].member);
  expect(moved).toBe(planned.filter((member, index) => member !== before[index]).length);
  expect(moved).toBeGreaterThan(0);
  await post(app, '/groups/billing/resize', { size: 3 });
  expect(await plan(app, 8)).toMatchObject({ error: { code: 'GROUP_BUSY' } });
  for (const worker of [one, other]) {
    await worker.wait('revoke', worker === one ? 4 : 2);
    const held = worker.told<Assigned>('assigned');
    await worker.post('release', { releases: held.map((each) => ({ ...of(each), position: 0 })) });
  }
  await expect.poll(async () => (await app.get('/groups/billing')).body.state).toBe('stable');
  expect(await ownerIn()).toEqual(planned);
});

test('A plan is refused for an invalid size, and for a group that does not exist.', async () => {
  await using app = await filled();
  await post(app, '/groups/billing', { category: 'account', size: 4 }, 'PUT');
  expect(await plan(app, 1_025)).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
  expect(await post(app, '/groups/biling/plan?size=2', {})).toMatchObject({ status: 404 });
});

test('The command line shows a plan.', async () => {
  await using app = await filled();
  await post(app, '/groups/billing', { category: 'account', size: 1 }, 'PUT');
  const { stdout } = await runHere('groups', ['billing', '--plan', '2', '--url', app.url]);
  expect(stdout).toMatch(/^billing with 2 partitions: 0 of 30 streams would get another owner\.\n/);
  expect(stdout).toMatch(/\n {2}partition {2}member {2}streams {2}messages a day\n {2}0 {10}- {7}\d+ /);
  expect(stdout).toMatch(/\n {2}largest stream: account-0, 51\.7 % of the latest messages\n$/);
  const { stdout: json } = await runHere('groups', ['billing', '--plan', '2', '--json', '--url', app.url]);
  expect(JSON.parse(json)).toMatchObject({ size: 2, streams: 30 });
  const { code, stderr } = await runHere('groups', ['--plan', '2', '--url', app.url]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--plan needs the name of a group.')]);
});
