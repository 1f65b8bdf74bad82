import { expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const message = { type: 'Happened', data: {} };

async function appendMany(app: TestApp, ...streams: string[]): Promise<void> {
  for (const stream of streams) expect((await app.append(stream, message)).status).toBe(201);
}

/** Global positions received for the query, up to a message appended after it subscribed. */
async function toldUpToMarker(app: TestApp, query: string, marker: string, headers = {}): Promise<number[]> {
  await using client = await SseClient.subscribe(app.port, `/subscribe?${query}`, { headers });
  const { body } = await app.append(marker, message);
  await client.waitFor(({ pokes }) => pokes.some(({ globalPosition }) => globalPosition === body.globalPosition));
  return client.pokes.map(({ globalPosition }) => globalPosition);
}

test.each(['12a', 'null', '-1', '7f9c2ba4-e88f-427d-a616-5e5f5d8c9e1b', '9007199254740992', '1526919030474-55'])(
  'An invalid cursor counts as one of an unknown log, and everything is delivered: %s',
  async (cursor) => {
    await using app = await startTestApp();
    await appendMany(app, 'a-1', 'b-1');
    expect(await toldUpToMarker(app, 'all=true', 'a-1', { 'Last-Event-ID': cursor })).toEqual([1, 2, 3]);
    expect(await toldUpToMarker(app, `all=true&lastEventId=${cursor}`, 'a-1')).toEqual([1, 2, 3, 4]);
  },
);

test('The id of an event resumes after it, by header or query, where the header takes precedence and an empty one counts as absent.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'a-1', 'a-1');
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  await client.waitForPokes(3);
  const [first, second] = client.pokes.map(({ id }) => id);
  expect(await toldUpToMarker(app, 'category=a', 'a-1', { 'Last-Event-ID': second! })).toEqual([3, 4]);
  expect(await toldUpToMarker(app, `category=a&lastEventId=${second}`, 'a-1')).toEqual([3, 4, 5]);
  const newer = { 'Last-Event-ID': second! };
  expect(await toldUpToMarker(app, `category=a&lastEventId=${first}`, 'a-1', newer)).toEqual([3, 4, 5, 6]);
  expect(await toldUpToMarker(app, `category=a&lastEventId=${second}`, 'a-1', { 'Last-Event-ID': '' })).toEqual([
    3, 4, 5, 6, 7,
  ]);
});

test('An id of another log causes full delivery, even if this log is longer.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1', 'a-1', 'a-1');
  const elsewhere = { 'Last-Event-ID': '2-000000000000' };
  expect(await toldUpToMarker(app, 'all=true', 'a-1', elsewhere)).toEqual([1, 2, 3, 4]);
});

test('An id of this log that lies beyond its head waits until the log reaches it.', async () => {
  await using app = await startTestApp();
  await appendMany(app, 'a-1');
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  const { id } = (await client.waitForPokes(1))[0]!;
  const ahead = { 'Last-Event-ID': id.replace('1-', '3-') };
  await using waiting = await SseClient.connect(app.port, '/subscribe?category=a&hello=true', { headers: ahead });
  await waiting.waitFor(({ events }) => events.length === 1);
  await appendMany(app, 'a-1', 'a-1', 'a-1');
  await waiting.waitForPokes(1);
  expect(waiting.events.map(({ type }) => type)).toEqual(['hello', 'poke']);
  expect(waiting.pokes[0]!.globalPosition).toBe(4);
});
