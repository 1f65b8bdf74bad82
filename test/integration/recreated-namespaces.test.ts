import { afterAll, beforeAll, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { RpcClient } from './rpc-client.ts';

const adminToken = newToken('default');
const message = { type: 'Happened', data: {} };

let app: TestApp;
let admin: RpcClient;

beforeAll(async () => {
  app = await startTestApp([`--token=${adminToken}`]);
  admin = new RpcClient(app.url, adminToken);
});

afterAll(() => app.close());

async function write(client: RpcClient, count: number): Promise<number[]> {
  const globalPositions: number[] = [];
  for (let n = 0; n < count; n++) globalPositions.push((await client.write('a-1', message)).globalPosition);
  return globalPositions;
}

test.each(['all=true', 'category=a', 'stream=a-1', 'stream=a-1&category=b'])(
  'A subscriber of a namespace that was deleted and created again, by %s, receives every message of the new one.',
  async (selectors) => {
    const id = `tenant-${selectors.replaceAll(/\W/g, '-')}`;
    const old = await admin.tenant(id);
    await using before = await SseClient.subscribe(app.port, `/subscribe?${selectors}&token=${old.token}`);
    expect(await write(old, 3)).toEqual([1, 2, 3]);
    await before.waitForPokes(3);
    await admin.call('ns.delete', id);
    await before.closed;
    expect(before.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"namespace-deleted"}' });
    expect(before.isComplete, 'nobody is to come back').toBe(true);

    const fresh = await admin.tenant(id);
    const written = await write(fresh, 5);
    // Every cursor of the old log: one before the new head cannot be recognized by its position alone.
    for (const cursor of before.pokes.map((poke) => poke.id)) {
      const headers = { 'last-event-id': cursor };
      await using after = await SseClient.connect(app.port, `/subscribe?${selectors}&token=${fresh.token}`, {
        headers,
      });
      await after.waitForPokes(5);
      const [next] = await write(fresh, 1);
      written.push(next!);
      await after.waitForPokes(written.length);
      expect(after.pokes.map(({ globalPosition }) => globalPosition)).toEqual(written);
      expect(after.pokes.map(({ position }) => position)).toEqual(written.map((_globalPosition, index) => index));
    }
  },
);

test('A subscriber with named events learns that its cursor belongs to a removed log, even if the cursor was at the log’s end.', async () => {
  const old = await admin.tenant('told');
  await write(old, 3);
  await admin.call('ns.delete', 'told');
  const fresh = await admin.tenant('told');
  const subscribe = (cursor: string) =>
    SseClient.connect(app.port, `/subscribe?category=a&hello=true&token=${fresh.token}`, {
      headers: { 'last-event-id': cursor },
    });
  for (const cursor of ['1', '3']) {
    await using client = await subscribe(cursor);
    await client.waitFor(({ events }) => events.length === 2);
    expect(client.events.map(({ type }) => type)).toEqual(['hello', 'reset']);
    expect(JSON.parse(client.events[1]!.data)).toMatchObject({ reason: 'forgotten', replayFrom: 5 });
  }
  const [first, second] = await write(fresh, 2);
  await using client = await subscribe(String(first));
  await client.waitForPokes(1);
  expect(client.events.map(({ type }) => type)).toEqual(['hello', 'poke']);
  expect(client.pokes).toMatchObject([{ globalPosition: second }]);
});

test('A new namespace begins at 1, even next to a recreated one.', async () => {
  const first = await admin.tenant('first');
  expect(await write(first, 2)).toEqual([1, 2]);
  await admin.call('ns.delete', 'first');
  expect(await write(await admin.tenant('first'), 2)).toEqual([4, 5]);
  expect(await write(await admin.tenant('second'), 2)).toEqual([1, 2]);
});

test('A log imported into a recreated namespace keeps its positions, and old cursors receive all of it.', async () => {
  const old = await admin.tenant('moved');
  await write(old, 3);
  const asked = (token: string | undefined, path: string, init: RequestInit = {}) =>
    fetch(`${app.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}` } }).then((answer) =>
      answer.text(),
    );
  const exported = await asked(old.token, '/export');
  await admin.call('ns.delete', 'moved');
  const fresh = await admin.tenant('moved');
  expect(await asked(fresh.token, '/import', { method: 'POST', body: exported })).toContain('"imported":3');
  expect(await asked(fresh.token, '/export')).toBe(exported);
  expect(await write(fresh, 1)).toEqual([5]);
  const headers = { 'last-event-id': '2' };
  await using client = await SseClient.connect(app.port, `/subscribe?category=a&token=${fresh.token}`, { headers });
  await client.waitForPokes(4);
  expect(client.pokes.map(({ globalPosition }) => globalPosition)).toEqual([1, 2, 3, 5]);
});
