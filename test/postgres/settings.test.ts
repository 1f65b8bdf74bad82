import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { writeAsOthers } from './foreign-writers.ts';
import { LoadedNodes } from './loaded-nodes.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const options = () => ({ pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 });
const write = "SELECT write_message($1, $2, 'Written', '{}')";

async function openLog(url: string) {
  const store = await PostgresStore.open(url, options());
  return { store, log: store.log((await store.namespaces.find('default'))!.log) };
}

describe.skipIf(!hasPostgres)('A database whose settings are not the usual ones', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({
      initdb: ['--locale-provider=icu', '--icu-locale=en-US', '--locale=C'],
      settings: ['deadlock_timeout=20ms'],
    });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test('may default to REPEATABLE READ: concurrent appends of two nodes do not conflict.', async () => {
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    await owner.query(`ALTER DATABASE ${database} SET default_transaction_isolation = 'repeatable read'`);
    await using load = await LoadedNodes.start(cluster, database);
    await load.untilWritten(200);
    await load.expectNothingAmiss();
    expect(load.failures).toBe(0);
  });

  test('may have a collation that does not order bytes: streams with a prefix are all listed.', async () => {
    const { store, log } = await openLog(cluster.url(await cluster.create()));
    const streams = ['a-1', 'A-1', 'á-1', 'ab-1', 'a-b', 'B-1', 'b-1', 'a', 'a_1'];
    for (const stream of streams) await log.append(stream, newMessages(1), undefined);
    const listed: string[] = [];
    for (let after: string | undefined; ; after = listed.at(-1)) {
      const page = await log.listStreams('a', after, 2);
      if (page.length === 0) break;
      listed.push(...page.map(({ stream }) => stream));
    }
    expect(listed.toSorted()).toEqual(streams.filter((stream) => stream.startsWith('a')).toSorted());
    const categories: string[] = [];
    for (let after: string | undefined; ; after = categories.at(-1)) {
      const page = await log.listCategories(after, 2);
      if (page.length === 0) break;
      categories.push(...page.map(({ category }) => category));
    }
    expect(categories.toSorted()).toEqual(['A', 'B', 'a', 'a_1', 'ab', 'b', 'á']);
    await store.close();
  });

  test('may grant only SELECT to the role of ?readonly=true, which receives messages of other writers.', async () => {
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    await owner.query(
      'CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA message_store TO reader; GRANT SELECT ON message_store.messages TO reader',
    );
    await using app = await startTestApp(['--store', `${cluster.url(database, 'reader')}?readonly=true`]);
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    const written = await writeAsOthers(cluster, database, 2, AbortSignal.timeout(500));
    await subscriber.waitForPokes(written.committed);
    const refused = await app.append('own-1', { type: 'Written', data: {} });
    expect([refused.status, refused.body.error.code]).toEqual([501, 'NOT_SUPPORTED']);
    expect((await app.get('/ready')).status).toBe(200);
  });

  test('may notify a channel of ?notify, which is received without polling.', async () => {
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    await owner.query(`
      CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_notify(''written'', ''''); RETURN NULL; END';
      CREATE TRIGGER announce AFTER INSERT ON message_store.messages FOR EACH STATEMENT EXECUTE FUNCTION announce()`);
    const { store, log } = await openLog(`${cluster.url(database)}?notify=written`);
    const kicks: number[] = [];
    const kick = store.kick.bind(store);
    store.kick = () => {
      kicks.push(performance.now());
      kick();
    };
    const follower = new ReferenceFollower(log);
    await owner.query(write, [randomUUID(), 'foreign-1']);
    await expect.poll(() => kicks.length).toBe(1);
    // Each new connection listens again.
    await owner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR application_name = 'pokewire'",
    );
    let written = 1;
    const writeOne = async () => {
      await owner.query(write, [randomUUID(), 'foreign-1']);
      written++;
      return kicks.length;
    };
    // What is written before it listens is notified to nobody.
    await expect.poll(writeOne).toBeGreaterThan(1);
    await expect.poll(async () => (await log.bounds()).head).toBe(written);
    expect(await follower.finish()).toEqual(Array.from({ length: written }, (_, n) => `foreign-1/${n}@${n + 1}`));
    await store.close();
  });

  test('may become another one while it is served: subscriptions end, and start over in the new log.', async () => {
    const [database, other] = [await cluster.create(), await cluster.create()];
    await using app = await startTestApp(['--store', cluster.url(database)]);
    await app.append('old-1', { type: 'Written', data: {} });
    await using subscriber = await SseClient.connect(app.port, '/subscribe?all=true&hello=true', {
      headers: { 'last-event-id': '0' },
    });
    const { id } = (await subscriber.waitForPokes(1))[0]!;
    await using server = await cluster.connect('postgres');
    await server.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    await server.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${database}'`);
    await server.query(`ALTER DATABASE ${database} RENAME TO restored_from`);
    await server.query(`ALTER DATABASE ${other} RENAME TO ${database}`);
    await subscriber.closed;
    expect(subscriber.events.at(-1)).toMatchObject({ type: 'end', data: expect.stringContaining('log-replaced') });
    await expect.poll(async () => (await app.append('new-1', { type: 'Written', data: {} })).status).toBe(201);
    const headers = { 'last-event-id': id };
    await using resumed = await SseClient.connect(app.port, '/subscribe?all=true&hello=true', { headers });
    expect((await resumed.waitForPokes(1))[0]).toMatchObject({ stream: 'new-1', globalPosition: 1 });
    expect(resumed.events.map(({ type }) => type)).toContain('reset');
  });
});
