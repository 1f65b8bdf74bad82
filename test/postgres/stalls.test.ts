import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { Exposition } from '../support/exposition.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const options = () => ({ pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 });
const write = "SELECT write_message($1, $2, 'Written', '{}')";

describe.skipIf(!hasPostgres)('Transactions of others that stay open', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({ settings: ['max_prepared_transactions=5'] });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test('are named by a log line and a metric while they block the order, and nothing is lost because of them.', async () => {
    const database = await cluster.create();
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line) => lines.push(line) });
    await using app = await startTestApp(['--store', cluster.url(database)], { log });
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    await using service = await cluster.connect(database, 'message_store');
    await service.query("SET application_name = 'billing'");
    const { rows } = await service.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const pid = rows[0]!.pid;
    await service.query('BEGIN');
    await service.query(write, [randomUUID(), 'late-1']);
    expect((await app.append('own-1', { type: 'Written', data: {} })).status).toBe(201);
    const reports = () =>
      lines.map((line) => JSON.parse(line)).filter((line) => line.pid === pid && 'application' in line);
    await expect.poll(reports, { timeout: 20_000 }).toMatchObject([{ level: 40, pid, application: 'billing' }]);
    const exposition = new Exposition((await app.get('/metrics')).text);
    expect(exposition.value('pokewire_store_stall_seconds')).toBeGreaterThanOrEqual(1);
    const labels = { pid: String(pid), application: 'billing' };
    expect(exposition.value('pokewire_store_stall_transaction_seconds', labels)).toBeGreaterThanOrEqual(1);
    expect(subscriber.pokes).toEqual([]);
    await service.query('COMMIT');
    const pokes = await subscriber.waitForPokes(2);
    expect(pokes.map(({ stream }) => stream)).toEqual(['late-1', 'own-1']);
    expect(reports().length).toBe(1);
    expect(lines.some((line) => line.includes('has ended'))).toBe(true);
  });

  test('and were open when a node is started make it wait, because their messages are below its head.', async () => {
    const database = await cluster.create();
    await using service = await cluster.connect(database, 'message_store');
    await service.query('BEGIN');
    await service.query(write, [randomUUID(), 'late-1']);
    await using other = await cluster.connect(database, 'message_store');
    await other.query(write, [randomUUID(), 'early-1']);
    await using app = await startTestApp(['--store', cluster.url(database)]);
    await using subscriber = await SseClient.connect(app.port, '/subscribe?all=true', {
      headers: { 'last-event-id': '0' },
    });
    // While nothing is settled, the node is not ready.
    await expect.poll(async () => (await app.get('/ready')).status).toBe(503);
    expect(subscriber.pokes).toEqual([]);
    await service.query('COMMIT');
    const pokes = await subscriber.waitForPokes(2);
    expect(pokes.map(({ stream }) => stream)).toEqual(['late-1', 'early-1']);
  });

  test('and were prepared for two-phase commit are waited for.', async () => {
    const database = await cluster.create();
    const store = await PostgresStore.open(cluster.url(database), options());
    const log = store.log((await store.namespaces.find('default'))!.log);
    const follower = new ReferenceFollower(log);
    await using service = await cluster.connect(database, 'message_store');
    for (const end of ['COMMIT', 'ROLLBACK']) {
      await service.query('BEGIN');
      await service.query(write, [randomUUID(), `${end}-1`]);
      await service.query(`PREPARE TRANSACTION '${end}'`);
      await log.append('own-1', newMessages(1), undefined);
      // Waits a second, then answers with the settled messages.
      const before = (await log.bounds()).head;
      await expect.poll(() => follower.told.length).toBe(before);
      await service.query(`${end} PREPARED '${end}'`);
      expect((await log.bounds()).head).toBeGreaterThan(before);
    }
    const told = await follower.finish();
    expect(told.map((place) => place.split('/')[0])).toEqual(['COMMIT-1', 'own-1', 'own-1']);
    await store.close();
  });

  test('and roll back before the first message make no subscriber miss anything.', async () => {
    const database = await cluster.create();
    await using app = await startTestApp(['--store', cluster.url(database)]);
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    await using service = await cluster.connect(database, 'message_store');
    await service.query('BEGIN');
    for (let n = 0; n < 3; n++) await service.query(write, [randomUUID(), 'gone-1']);
    await service.query('ROLLBACK');
    await service.query(write, [randomUUID(), 'kept-1']);
    expect((await subscriber.waitForPokes(1))[0]).toMatchObject({ stream: 'kept-1', globalPosition: 4 });
    await using later = await SseClient.connect(app.port, '/subscribe?all=true&hello=true', {
      headers: { 'last-event-id': '0' },
    });
    await later.waitForPokes(1);
    expect(later.events.map(({ type }) => type)).toEqual(['hello', 'poke']);
    expect(subscriber.isClosed).toBe(false);
  });
});
