import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { Exposition } from '../support/exposition.ts';
import { newMessage, newMessages, pokePool } from '../support/fake-messages.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const options = () => ({ pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 });

describe.skipIf(!hasPostgres)('A server over a Message DB', () => {
  test('delivers messages that services write, and accepts appends at the same time.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await using service = await cluster.connect(database, 'message_store');
    await using app = await startTestApp(['--store', cluster.url(database)]);
    await service.query("SELECT write_message($1, 'account-1', 'Opened', '{\"a\": 1}')", [randomUUID()]);
    const appended = await app.append('account-1', { type: 'Deposited', data: {} }, 'expectedVersion=0');
    expect(appended.status).toBe(201);
    const read = (await app.get('/streams/account-1/messages')).text;
    expect([...read.matchAll(/"type":"(\w+)"/g)].map(([, type]) => type)).toEqual(['Opened', 'Deposited']);
  });

  test('measures the delay of pokes about its own appends only, because the time of others is that of a transaction.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await using service = await cluster.connect(database, 'message_store');
    await using app = await startTestApp(['--store', cluster.url(database)]);
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    await service.query("SELECT write_message($1, 'account-1', 'Opened', '{}')", [randomUUID()]);
    await subscriber.waitForPokes(1);
    const measured = async () =>
      new Exposition((await app.get('/metrics')).text).value('pokewire_poke_delay_seconds_count');
    expect(await measured()).toBe(0);
    for (let n = 0; n < 20; n++) await app.append('account-1', { type: 'Deposited', data: {} });
    await subscriber.waitForPokes(21);
    // A poll may see a commit before its answer arrives.
    const count = await measured();
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(20);
  });

  test('is refused where it could not work correctly, with the remedy.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    const opening = (name: string, parameters = '', user = 'message_store') =>
      PostgresStore.open(cluster.url(name, user) + parameters, options());
    await expect(opening('postgres', '', 'postgres')).rejects.toThrow(/has no table message_store\.messages: install/);
    await expect(opening('nowhere')).rejects.toThrow(/database "nowhere" does not exist/);
    await owner.query('CREATE ROLE reader LOGIN');
    await expect(opening(database, '', 'reader')).rejects.toThrow(/the role reader may not read/);
    await owner.query(
      'GRANT USAGE ON SCHEMA message_store TO reader; GRANT SELECT ON message_store.messages TO reader',
    );
    await expect(opening(database, '', 'reader')).rejects.toThrow(/the role reader may not append .* \?readonly=true/);
    await (await opening(database, '?readonly=true', 'reader')).close();
    await owner.query('ALTER SEQUENCE message_store.messages_global_position_seq CACHE 2');
    await expect(opening(database)).rejects.toThrow(/caches 2 positions.*CACHE 1/);
  });

  test('treats a log that was deleted by hand completely as forgotten.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    const store = await PostgresStore.open(cluster.url(database), options());
    const log = store.log((await store.namespaces.find('default'))!.log);
    await log.append('a-1', newMessages(3), undefined);
    expect(await log.bounds()).toMatchObject({ head: 3, forgottenUpTo: 0 });
    await using owner = await cluster.connect(database);
    await owner.query('DELETE FROM messages');
    expect(await log.bounds()).toMatchObject({ head: 3, forgottenUpTo: 3 });
    await store.close();
  });

  test('stores each append once although every backend is terminated repeatedly.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    const store = await PostgresStore.open(cluster.url(database), options());
    const log = store.log((await store.namespaces.find('default'))!.log);
    await using owner = await cluster.connect(database);
    let appended = 0;
    let terminated = 0;
    const write = async (writer: number) => {
      for (let n = 0; n < 50; n++) {
        const { outcome } = await log.append(`a${writer % 3}-${writer}`, newMessages(2), n * 2 - 1);
        expect(outcome).toBe('appended');
        if (++appended % 20 !== 0) continue;
        const { rowCount } = await owner.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pokewire'",
        );
        terminated += rowCount ?? 0;
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_value, writer) => write(writer)));
    const { rows } = await owner.query('SELECT count(*)::int AS count FROM messages');
    expect(rows[0]).toEqual({ count: 800 });
    expect(terminated).toBeGreaterThan(0);
    await store.close();
  });

  test('refuses only the payload that jsonb cannot store, of appends that share a commit.', async () => {
    await using cluster = await PostgresCluster.start();
    const store = await PostgresStore.open(cluster.url(await cluster.create()), options());
    const log = store.log((await store.namespaces.find('default'))!.log);
    const bad = log.append('a-1', [newMessage({ data: '{"a":"\\u0000"}' })], undefined);
    const others = Array.from({ length: 5 }, () => log.append('a-2', newMessages(1), undefined));
    await expect(bad).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect((await Promise.all(others)).map(({ outcome }) => outcome)).toEqual(Array(5).fill('appended'));
    await store.close();
  });
});
