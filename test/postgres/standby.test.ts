import { expect, test } from 'vitest';
import { initStore } from '../../src/store/init-store.ts';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { NodesUnderLoad, startNodes } from '../support/nodes/nodes-under-load.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { readRows } from './nodes/read-rows.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

test.skipIf(!hasPostgres)(
  'When a synchronous standby is promoted under load, nodes find it, and nothing is lost, duplicated or reordered.',
  async () => {
    await using primary = await PostgresCluster.start();
    const database = await primary.create();
    await using standby = await primary.startStandby();
    await primary.awaitStandbys();
    // No acknowledged message can be missing there, so it is the same log.
    await using nodes = await startNodes(
      2,
      `${primary.url(database, 'message_store', primary.socketFolder, standby.socketFolder)}?epoch=kept`,
    );
    await using load = await NodesUnderLoad.start({ nodes });
    await load.untilWritten(200);
    await primary.stop('SIGKILL');
    await standby.promote();
    await load.untilWritten(200);
    await load.expectNothingAmiss(() => readRows(standby, database));
    expect(load.resumed).toBe(0);
  },
);

test.skipIf(!hasPostgres)('Messages of a log are never read from a server that holds another one.', async () => {
  await using primary = await PostgresCluster.start();
  const database = await primary.create();
  await using standby = await primary.startStandby();
  const url = primary.url(database, 'message_store', primary.socketFolder, standby.socketFolder);
  const store = await PostgresStore.open(url, {
    pokes: pokePool(),
    maxBytes: 0,
    maxBytesPerNamespace: 0,
    maxNamespaces: 1,
  });
  const log = store.log((await store.namespaces.find('default'))!.log);
  await standby.promote();
  await using service = await standby.connect(database, 'message_store');
  await service.query("SELECT write_message(gen_random_uuid()::text, 'new-1', 'Written', '{}')");
  await using owner = await primary.connect('postgres');
  // The connected tail stays connected; new connections find the other server.
  await owner.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
  const read = () => log.readStream('new-1', { position: 0 }, 10);
  await expect
    .poll(() =>
      read().then(
        () => 'read',
        ({ code }) => code,
      ),
    )
    .toBe('NOT_READY');
  await expect(read()).rejects.toMatchObject({ code: 'NOT_READY' });
  await store.close();
});

/** A primary with a standby, and a node over both that delivered messages which the standby lacks. */
async function startBeforeLoss(parameters: string) {
  await using opened = new AsyncDisposableStack();
  const primary = opened.use(await PostgresCluster.start());
  const database = await primary.create();
  await initStore(primary.url(database, 'postgres'), 'message_store');
  const standby = opened.use(await primary.startStandby());
  const url = `${primary.url(database, 'message_store', primary.socketFolder, standby.socketFolder)}${parameters}`;
  const app = opened.use(await startTestApp(['--store', url]));
  const idle = opened.use(await startTestApp(['--store', url]));
  const subscriber = opened.use(await subscribe(app, '0'));
  await append(app, 'kept-1');
  await standby.untilReceived(primary);
  await standby.stop();
  for (let n = 0; n < 3; n++) await append(app, 'lost-1');
  const { id } = (await subscriber.waitForPokes(4)).at(-1)!;
  const promote = async () => {
    await primary.stop('SIGKILL');
    await standby.run();
    await standby.promote();
  };
  const closing = opened.move();
  const start = async () => closing.use(await startTestApp(['--store', url]));
  return { app, idle, subscriber, id, start, promote, [Symbol.asyncDispose]: () => closing.disposeAsync() };
}

function subscribe(app: TestApp, id: string): Promise<SseClient> {
  return SseClient.connect(app.port, '/subscribe?all=true&hello=true', { headers: { 'last-event-id': id } });
}

async function append(app: TestApp, stream: string): Promise<void> {
  await expect.poll(async () => (await app.append(stream, { type: 'Written', data: {} })).status).toBe(201);
}

/** A subscriber that received lost messages is reset, and receives the whole log. */
async function expectReset(app: TestApp, id: string): Promise<void> {
  await using resumed = await subscribe(app, id);
  const pokes = await resumed.waitForPokes(6);
  expect(resumed.events[1]!.type).toBe('reset');
  expect(pokes.map(({ stream, position }) => `${stream}/${position}`)).toEqual([
    'kept-1/0',
    ...Array.from({ length: 5 }, (_value, n) => `new-1/${n}`),
  ]);
}

test.skipIf(!hasPostgres).each(['', '?epoch=kept'])(
  'A promoted standby that lacks the end of the log%s is another log: subscribers are reset, and receive all of its messages.',
  async (parameters) => {
    await using before = await startBeforeLoss(parameters);
    const { app, subscriber, id } = before;
    await before.promote();
    await subscriber.closed;
    expect(subscriber.events.at(-1)).toMatchObject({ type: 'end', data: expect.stringContaining('log-replaced') });
    for (let n = 0; n < 5; n++) await append(app, 'new-1');
    await expectReset(app, id);
  },
);

test.skipIf(!hasPostgres)(
  'Nodes that had delivered nothing of a lost end behind a pinned epoch know of it, as do nodes that start later.',
  async () => {
    await using before = await startBeforeLoss('?epoch=kept');
    const { app, idle, subscriber, id } = before;
    await before.promote();
    await subscriber.closed;
    for (let n = 0; n < 5; n++) await append(app, 'new-1');
    const logOf = async ({ store }: TestApp) => (await store.namespaces.find('default'))!.log;
    const log = await logOf(app);
    expect(log).not.toBe('kept');
    await expect.poll(() => logOf(idle), { timeout: 30_000 }).toBe(log);
    await expectReset(idle, id);
    await expectReset(await before.start(), id);
  },
);
