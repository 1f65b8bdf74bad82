import { expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { missingNats, natsProgram } from '../nats/nats-server.ts';
import { withoutTags } from '../support/cursors.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import type { Place } from '../support/stream-verdict.ts';
import type { UnreliableStore } from '../support/unreliable-store.ts';
import { Nodes, Subscriber } from './delivery-nodes.ts';

const message = { type: 'Happened', data: { note: 'x'.repeat(20) } };

type Site = {
  readonly where: string;
  readonly open: typeof Nodes.one;
  readonly missing?: string | undefined;
  /** Appends of each writer. */
  readonly batches: number;
  /** Messages to catch up with. */
  readonly backlog: number;
};

const inMemory = { batches: 32, backlog: 100_000 };
/** Stores that take much longer for a message. */
const durable = { batches: 16, backlog: 30_000 };

const sites: readonly Site[] = [
  { where: 'one node', open: Nodes.one, ...inMemory },
  { where: 'two nodes over a bad network', open: Nodes.two, ...inMemory },
  { where: 'two nodes over a bad network and a SQLite store', open: Nodes.twoOverSqlite, ...durable },
  {
    where: 'two nodes over a bad network and a NATS store',
    open: Nodes.twoOverNats,
    missing: natsProgram === undefined ? missingNats : undefined,
    ...durable,
  },
];

const timeout = 240_000;

const writers = 64;
const perBatch = 10; // 20,480 or 10,240 messages
const subscriberCount = 200;
const streamOf = (writer: number) => `account-${writer % writers}+part`;

const kinds: { query: (n: number) => string; wants: (told: Place, n: number) => boolean }[] = [
  {
    query: (n) => `stream=${encodeURIComponent(streamOf(n))}`,
    wants: ({ stream }, n) => stream === streamOf(n),
  },
  { query: () => 'category=account', wants: () => true },
  {
    query: (n) => `category=account&consumer=${n % 4}&size=4`,
    wants: ({ stream }, n) => new StreamName(stream).owner(4) === n % 4,
  },
  {
    query: (n) => `stream=${encodeURIComponent(streamOf(n))}&stream=${encodeURIComponent(streamOf(n + 7))}`,
    wants: ({ stream }, n) => stream === streamOf(n) || stream === streamOf(n + 7),
  },
  { query: () => 'category=account&category=other&stream=account-1%2Bpart', wants: () => true },
  { query: () => 'all=true&lastEventId=0', wants: () => true },
];

test.for(sites)(
  '64 writers and 200 subscribers of all kinds that connect, stall and resume on $where: each receives exactly its part of the log.',
  { timeout },
  async ({ open, missing, batches }, { skip }) => {
    skip(missing !== undefined, missing);
    await using nodes = await open(['--max-subscriptions', '1000', '--heartbeat-ms', '250']);
    await using closing = new AsyncDisposableStack();
    const subscribers: Subscriber[] = [];
    const connectOne = async (n: number) => {
      const { query, wants } = kinds[n % kinds.length]!;
      // Every fourth requests heads.
      const heads = n % 4 === 1 ? '&heartbeat=head' : '';
      const subscriber = closing.use(new Subscriber(nodes, n, query(n) + heads, (place) => wants(place, n)));
      await subscriber.connect();
      subscribers.push(subscriber);
      // Every fifth stalls from the start, so that its socket fills while the log grows.
      if (n % 5 === 0) subscriber.client.pause();
    };

    let nextSubscriber = 0;
    let nextMove = 0;
    // So that all have connected shortly before the last append.
    const everyBatch = Math.floor((0.9 * writers * batches) / subscriberCount);
    const write = async (writer: number) => {
      for (let batch = 0; batch < batches; batch++) {
        await nodes.append(writer + batch, streamOf(writer), new Array(perBatch).fill(message));
        // Subscribers connect between appends, and some move on, whenever these are answered.
        if (nextSubscriber < subscriberCount && batch % everyBatch === writer % everyBatch)
          await connectOne(nextSubscriber++);
        if (batch % 8 === 7 && nextMove < subscribers.length) {
          const subscriber = subscribers[nextMove];
          nextMove += 7;
          await subscriber?.moveOn();
        }
        // The nodes lose their store for a while, one after another.
        if (writer === 0 && batch === batches / 4) nodes.beginOutage(0);
        if (writer === 0 && batch === batches / 2) nodes.beginOutage(1);
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    while (nextSubscriber < subscriberCount) await connectOne(nextSubscriber++);
    for (const { client } of subscribers) client.resume();
    // Nothing may follow the expected pokes, so one more message for each must be the last received.
    for (let writer = 0; writer < writers; writer++) await nodes.append(writer, streamOf(writer), [message]);

    const { epoch, places } = await nodes.read('account');
    expect(places).toHaveLength(writers * (batches * perBatch + 1));
    for (const subscriber of subscribers) {
      const selected = places.filter(subscriber.wants);
      await subscriber.toldAll(selected);
      subscriber.judge(selected, epoch);
    }
    expect(subscribers.reduce((sum, { heads }) => sum + heads, 0)).toBeGreaterThan(0);
    // Checked for both nodes together, since random faults may not occur on one of them.
    const happened = (count: (store: UnreliableStore) => number) =>
      nodes.stores.reduce((sum, store) => sum + count(store), 0);
    const faults = {
      lost: happened(({ announcements }) => announcements.lost),
      doubled: happened(({ announcements }) => announcements.doubled),
      delayed: happened(({ announcements }) => announcements.delayed),
      reordered: happened(({ announcements }) => announcements.reordered),
      empty: happened(({ announcements }) => announcements.empty),
      failedReads: happened(({ calls }) => calls.failed.read),
      outage: happened(({ calls }) => calls.failed.outage),
    };
    const absent = Object.entries(faults).filter(([, count]) => count === 0);
    expect(absent).toEqual(nodes.stores.length === 0 ? Object.entries(faults) : []);
  },
);

test.for(sites)(
  'A subscriber that catches up with $backlog messages while more are written on $where receives all of them in order.',
  { timeout },
  async ({ open, missing, backlog }, { skip }) => {
    skip(missing !== undefined, missing);
    await using nodes = await open([]);
    for (let batch = 0; batch < backlog / 1_000; batch++)
      await nodes.append(batch, `load-${batch % 10}`, new Array(1_000).fill(message));
    await using subscriber = new Subscriber(nodes, 1, 'category=load', () => true);
    await subscriber.connect();
    nodes.beginOutage(1);
    for (let batch = 0; batch < 50; batch++)
      await nodes.append(batch, `load-${batch % 7}`, new Array(20).fill(message));
    const { epoch, places } = await nodes.read('load');
    expect(places).toHaveLength(backlog + 1_000);
    await subscriber.toldAll(places);
    subscriber.judge(places, epoch);
  },
);

/** Everything in a category, read through the API. */
async function readLog(app: TestApp, category: string): Promise<Place[]> {
  const { body } = await app.get(`/categories/${category}/messages?batchSize=-1`);
  return body.map(({ stream, position, globalPosition }: Place) => ({ stream, position, globalPosition }));
}

test('Subscribers that stall while buffers are reused receive their frames byte for byte.', async () => {
  const pools = ['--buffer-pool-min', '1', '--buffer-pool-max', '2', '--poke-pool-max', '4'];
  // On a busy machine heartbeats could arrive in between.
  await using app = await startTestApp([...pools, '--heartbeat-ms', '0']);
  const stalled = await Promise.all(
    Array.from({ length: 20 }, (_, n) => SseClient.connect(app.port, `/subscribe?stream=slow-${n % 4}&stream=slow-9`)),
  );
  for (const client of stalled) client.pause();
  const isLagging = () => [...app.hub.subscriptions].some(({ state }) => state.name === 'lagging');
  const appendOne = (batch: number) => app.append(`slow-${[0, 1, 2, 3, 9][batch % 5]}`, new Array(100).fill(message));
  // Writes until the kernel's buffers are full, and beyond, so that buffers are reused while sockets hold some.
  let batches = 0;
  while (!isLagging()) await appendOne(batches++);
  for (let more = 0; more < 100; more++) await appendOne(batches++);
  for (const client of stalled) client.resume();

  const log = await readLog(app, 'slow');
  for (const [n, client] of stalled.entries()) {
    const wanted = log.filter(({ stream }) => stream === `slow-${n % 4}` || stream === 'slow-9');
    await client.waitForPokes(wanted.length);
    const body = withoutTags(client);
    const frames = wanted.map((told) => `event: poke\ndata: ${JSON.stringify(told)}\nid: ${told.globalPosition}\n\n`);
    // Not `toBe`, whose report takes minutes if megabytes differ.
    expect(body.replace(/^: ready\n\nretry: \d+\n/, '') === frames.join(''), 'the bytes are the same').toBe(true);
  }
  await Promise.all(stalled.map((client) => client[Symbol.asyncDispose]()));
  await expect.poll(() => app.hub.subscriptions.size, { timeout: 50_000 }).toBe(0);
  // A buffer is released once the socket that was to send it has closed.
  for (const pool of [...app.pools.buffers.classes.values(), app.pools.pokes]) {
    await expect.poll(() => pool.stats.leased).toBe(0);
  }
});
