import { expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { positionIn, withoutTags } from '../support/cursors.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

type Told = { stream: string; position: number; globalPosition: number };

const message = { type: 'Happened', data: { note: 'x'.repeat(20) } };

/** Everything in the log, read through the API. */
async function readLog(app: TestApp, category: string): Promise<Told[]> {
  const { body } = await app.get(`/categories/${category}/messages?batchSize=-1`);
  return body.map(({ stream, position, globalPosition }: Told) => ({ stream, position, globalPosition }));
}

/** One line a poke, with the position in its id where the log has the global position: quick to compare, and a diff is readable. */
function linesOf(told: readonly (Told & { id?: string })[]): string {
  return told
    .map(({ stream, position, globalPosition, id }) => {
      const upTo = id === undefined ? globalPosition : positionIn(id);
      return `${stream} ${position} ${globalPosition} ${upTo}`;
    })
    .join('\n');
}

test('64 writers and 200 subscribers of all kinds that connect, stall and resume: each is told exactly what the log holds.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1000']);
  const writers = 64;
  const batches = 32;
  const perBatch = 10; // 20,480 messages
  const total = writers * batches * perBatch;
  const streamOf = (writer: number) => `account-${writer}+part`;

  const kinds: { query: (n: number) => string; wants: (told: Told, n: number) => boolean }[] = [
    {
      query: (n) => `stream=${encodeURIComponent(streamOf(n % writers))}`,
      wants: ({ stream }, n) => stream === streamOf(n % writers),
    },
    { query: () => 'category=account', wants: () => true },
    {
      query: (n) => `category=account&consumer=${n % 4}&size=4`,
      wants: ({ stream }, n) => new StreamName(stream).owner(4) === n % 4,
    },
    {
      query: (n) =>
        `stream=${encodeURIComponent(streamOf(n % writers))}&stream=${encodeURIComponent(streamOf((n + 7) % writers))}`,
      wants: ({ stream }, n) => stream === streamOf(n % writers) || stream === streamOf((n + 7) % writers),
    },
    { query: () => 'category=account&category=other&stream=account-1%2Bpart', wants: () => true },
    { query: () => 'all=true&lastEventId=0', wants: () => true },
  ];

  const clients: { client: SseClient; kind: number; n: number }[] = [];
  const connectOne = async (n: number) => {
    const kind = n % kinds.length;
    const client = await SseClient.connect(app.port, `/subscribe?${kinds[kind]!.query(n)}`);
    clients.push({ client, kind, n });
    // Every fifth stalls from the start, so that its socket fills while the log grows.
    if (n % 5 === 0) client.pause();
  };

  let nextSubscriber = 0;
  const write = async (writer: number) => {
    for (let batch = 0; batch < batches; batch++) {
      const answer = await app.append(streamOf(writer), new Array(perBatch).fill(message));
      expect(answer.status).toBe(201);
      // Subscribers come in between the appends, whenever these happen to be answered.
      if (nextSubscriber < 200 && batch % 9 === writer % 9) await connectOne(nextSubscriber++);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  while (nextSubscriber < 200) await connectOne(nextSubscriber++);
  for (const { client } of clients) client.resume();

  const log = await readLog(app, 'account');
  expect(log).toHaveLength(total);
  for (const { client, kind, n } of clients) {
    const wanted = log.filter((told) => kinds[kind]!.wants(told, n));
    await client.waitForPokes(wanted.length);
    expect(linesOf(client.pokes)).toBe(linesOf(wanted));
  }
  // Nothing comes behind what was wanted: one more message is the next that each is told.
  await app.append('account-1+part', message);
  const last = (await readLog(app, 'account')).at(-1)!;
  for (const { client, kind, n } of clients) {
    if (!kinds[kind]!.wants(last, n)) continue;
    const count = log.filter((told) => kinds[kind]!.wants(told, n)).length;
    await client.waitForPokes(count + 1);
    expect(linesOf(client.pokes.slice(-1))).toBe(linesOf([last]));
    expect(client.pokes).toHaveLength(count + 1);
  }
  await Promise.all(clients.map(({ client }) => client[Symbol.asyncDispose]()));
});

test('A subscriber that catches up 100,000 messages while more are written is told all of them in order.', async () => {
  await using app = await startTestApp();
  for (let batch = 0; batch < 10; batch++) await app.append(`load-${batch}`, new Array(10_000).fill(message));
  await using client = await SseClient.connect(app.port, '/subscribe?category=load');
  for (let batch = 0; batch < 50; batch++) await app.append(`load-${batch % 7}`, new Array(20).fill(message));
  await client.waitForPokes(101_000);

  expect(linesOf(client.pokes)).toBe(linesOf(await readLog(app, 'load')));
  expect(client.pokes).toHaveLength(101_000);
});

test('Subscribers that stall while buffers are reused receive their frames byte for byte.', async () => {
  const pools = ['--buffer-pool-min', '1', '--buffer-pool-max', '2', '--poke-pool-max', '4'];
  // A busy machine may take so long that heartbeats would come between.
  await using app = await startTestApp([...pools, '--heartbeat-ms', '0']);
  const stalled = await Promise.all(
    Array.from({ length: 20 }, (_, n) => SseClient.connect(app.port, `/subscribe?stream=slow-${n % 4}&stream=slow-9`)),
  );
  for (const client of stalled) client.pause();
  const isLagging = () => [...app.hub.subscriptions].some(({ state }) => state === 'lagging');
  const appendOne = (batch: number) => app.append(`slow-${[0, 1, 2, 3, 9][batch % 5]}`, new Array(100).fill(message));
  // Until the kernel's buffers are full, however large, and then some, so that buffers are reused while sockets hold some.
  let batches = 0;
  while (!isLagging()) await appendOne(batches++);
  for (let more = 0; more < 400; more++) await appendOne(batches++);
  for (const client of stalled) client.resume();

  const log = await readLog(app, 'slow');
  for (const [n, client] of stalled.entries()) {
    const wanted = log.filter(({ stream }) => stream === `slow-${n % 4}` || stream === 'slow-9');
    await client.waitForPokes(wanted.length);
    const body = withoutTags(client);
    const frames = wanted.map((told) => `event: poke\ndata: ${JSON.stringify(told)}\nid: ${told.globalPosition}\n\n`);
    // Not toBe, whose report of megabytes that differ takes minutes.
    expect(body.replace(/^: ready\n\nretry: \d+\n/, '') === frames.join(''), 'the bytes are the same').toBe(true);
  }
  await Promise.all(stalled.map((client) => client[Symbol.asyncDispose]()));
  await expect.poll(() => app.hub.subscriptions.size, { timeout: 50_000 }).toBe(0);
  for (const pool of app.pools.buffers.classes.values()) expect(pool.stats.leased).toBe(0);
  expect(app.pools.pokes.stats.leased).toBe(0);
});
