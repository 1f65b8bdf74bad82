import { expect, test } from 'vitest';
import { positionIn, withoutTags } from '../support/cursors.ts';
import { ended } from '../support/import-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { RpcClient } from './rpc-client.ts';

const message = { type: 'Happened', data: {} };

/** Events of every type, with parsed data. */
function eventsOf(client: SseClient) {
  return client.events.map(({ type, data, lastEventId }) => ({ type, data: JSON.parse(data), id: lastEventId }));
}

async function firstEvents(app: TestApp, query: string, count: number) {
  await using client = await SseClient.connect(app.port, `/subscribe?${query}`);
  await client.waitFor(() => client.events.length >= count, `${count} events`);
  return eventsOf(client).slice(0, count);
}

async function epochOf(app: TestApp): Promise<string> {
  const [hello] = await firstEvents(app, 'all=true&hello=true', 1);
  return hello!.data.epoch;
}

test('A client that requests nothing receives only pokes and comments, as before.', async () => {
  await using app = await startTestApp(['--retry-min-ms', '2000', '--retry-max-ms', '2000', '--heartbeat-ms', '0']);
  await app.append('a-1', message);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a&lastEventId=99');
  await client.waitForPokes(1);
  await app.close();
  await client.closed;
  expect(withoutTags(client)).toBe(
    ': ready\n\nretry: 2000\nevent: poke\ndata: {"stream":"a-1","position":0,"globalPosition":1}\nid: 1\n\n',
  );
});

test('A stream begins with a hello after the ready comment, and its id resumes where the stream began.', async () => {
  await using app = await startTestApp(['--retry-min-ms', '2000', '--retry-max-ms', '2000', '--heartbeat-ms', '0']);
  await app.append('a-1', [message, message]);
  const before = Date.now();
  await using client = await SseClient.connect(app.port, '/subscribe?all=true&hello=true');
  await client.waitFor(() => client.events.length === 1, 'the hello');
  const { type, data, id } = eventsOf(client)[0]!;
  expect([type, Object.keys(data), data.epoch, data.head, positionIn(id, data.epoch)]).toEqual([
    'hello',
    ['epoch', 'head', 'forgottenUpTo', 'time'],
    expect.stringMatching(/^[\w-]{1,64}$/),
    2,
    2,
  ]);
  expect(Date.parse(data.time)).toBeGreaterThanOrEqual(before);
  expect(withoutTags(client)).toMatch(/^: ready\nretry: 2000\nevent: hello\nid: 2\ndata:\{"epoch":"[\w-]+".*\}\n\n$/);
  client.destroy();
  await app.append('a-1', message);
  const [, poke] = await firstEvents(app, `all=true&hello=true&lastEventId=${id}&epoch=${data.epoch}`, 2);
  expect(poke).toMatchObject({ type: 'poke', data: { globalPosition: 3 } });
});

test('The hello of a stream from a position has no id, because one would resume before the position.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', [message, message, message]);
  const [hello, poke] = await firstEvents(app, 'stream=a-1&position=2&hello=true', 2);
  expect([hello!.id, poke!.data.position]).toEqual(['', 2]);
});

test('The hello of a stream that begins above the head has no id, because it would lie beyond the log.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', [message, message]);
  const ahead = await firstEvents(app, 'category=a&position=4&hello=true', 1);
  const atHead = await firstEvents(app, 'category=a&position=3&hello=true', 1);
  expect([ahead[0]!.id, positionIn(atHead[0]!.id)]).toEqual(['', 2]);
});

test('The hello of a stream that begins before the first position of a recreated namespace has no id, so that nothing seems lost.', async () => {
  await using app = await startTestApp();
  const rpc = new RpcClient(app.url);
  const first = await rpc.tenant('again');
  await first.write('a-1', message);
  await rpc.call('ns.delete', 'again');
  const { token } = await rpc.createNamespace('again');
  const [hello] = await firstEvents(app, `category=a&hello=true&token=${token}`, 1);
  // One position is unused between the old log and the new one.
  expect([hello!.data.head, hello!.id]).toEqual([2, '']);
});

test('A cursor of another epoch, or from beyond the head, is reset, and everything is delivered.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', [message, message]);
  const epoch = await epochOf(app);
  const ahead = await firstEvents(app, 'category=a&hello=true&lastEventId=7', 4);
  expect(ahead.map(({ type, id }) => [type, positionIn(id, epoch)])).toEqual([
    ['hello', undefined],
    ['reset', 0],
    ['poke', 1],
    ['poke', 2],
  ]);
  expect(ahead[1]!.data).toEqual({
    reason: 'cursor-ahead',
    epoch,
    head: 2,
    lost: { epoch: null, from: 8, to: null },
    replayFrom: 1,
  });
  const other = await firstEvents(app, 'category=a&hello=true&lastEventId=1&epoch=old', 4);
  expect(other[1]!.data).toMatchObject({ reason: 'other-epoch', epoch, lost: { epoch: 'old', from: 2, to: null } });
  expect(other.slice(2).map(({ data }) => data.globalPosition)).toEqual([1, 2]);
});

test('After a restart the same cursor with its epoch is reset, and everything is delivered even without a hello.', async () => {
  await using first = await startTestApp();
  await first.append('a-1', message);
  const epoch = await epochOf(first);
  await first.close();
  await using second = await startTestApp();
  await second.append('a-1', [message, message]);
  const [, reset] = await firstEvents(second, `category=a&hello=true&lastEventId=1&epoch=${epoch}`, 2);
  expect(reset).toMatchObject({ type: 'reset', data: { reason: 'other-epoch' } });
  const plain = await firstEvents(second, `category=a&lastEventId=1&epoch=${epoch}`, 2);
  expect(plain.map(({ data }) => data.globalPosition)).toEqual([1, 2]);
});

test('A heartbeat with the head proves that nothing was missed.', async () => {
  await using app = await startTestApp(['--heartbeat-ms', '150']);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a&heartbeat=head&hello=true');
  await app.append('a-1', [message, message]);
  await app.append('b-1', message);
  const proof = () => eventsOf(client).find(({ type, data }) => type === 'heartbeat' && data.head === 2);
  await client.waitFor(() => proof() !== undefined, 'the heartbeat');
  const { epoch } = eventsOf(client)[0]!.data;
  expect([proof()!.data, positionIn(proof()!.id, epoch)]).toEqual([{ epoch, head: 2, count: 2 }, 3]);
  expect([client.pokes.length, client.comments]).toEqual([2, [' ready']]);
});

test('A stopping server announces the end first.', async () => {
  await using app = await startTestApp();
  await using client = await SseClient.connect(app.port, '/subscribe?all=true&hello=true');
  await app.close();
  await client.closed;
  expect(client.bytes.toString()).toMatch(/event: end\ndata:\{"code":"draining"\}\n\n$/);
});

test.each(['', '&hello=true'])(
  'An import that replaces a log ends its subscriptions, which then cannot resume by any cursor%s.',
  async (query) => {
    await using app = await startTestApp();
    await app.append('a-1', [message, message]);
    const epoch = await epochOf(app);
    await using client = await SseClient.connect(app.port, `/subscribe?category=a${query}`);
    await client.waitForPokes(2);
    const exported = await app.get('/export');
    const body = ended(exported.text.split('\n')[0]!);
    const answer = await fetch(`${app.url}/import?force=true`, { method: 'POST', body });
    expect(await answer.text()).toContain('"done":true');
    await client.closed;
    const end = eventsOf(client).at(-1)!;
    expect([end.type, end.data, positionIn(end.id, epoch)]).toEqual(['end', { code: 'log-replaced' }, 2]);
    // It reconnects with a cursor of the old log.
    const [hello, reset, poke] = await firstEvents(app, `category=a&hello=true&lastEventId=${end.id}`, 3);
    expect([hello!.data.head, reset!.data.reason, poke!.data.globalPosition]).toEqual([2, 'other-epoch', 1]);
    expect(await epochOf(app)).not.toBe(epoch);
  },
);

test.each([
  ['hello=1', 'hello must be true or false'],
  ['heartbeat=tail', 'heartbeat must be comment or head'],
  ['conflate=yes', 'conflate must be true or false'],
  [`epoch=${'e'.repeat(65)}`, 'epoch must have at most 64 characters'],
])('A wish that means nothing is refused, and told what would mean something: %s.', async (query, said) => {
  await using app = await startTestApp();
  const { status, body } = await app.get(`/subscribe?all=true&${query}`);
  expect([status, body.error.code, body.error.message]).toEqual([400, 'INVALID_REQUEST', said]);
});
