import { describe, expect, test } from 'vitest';
import { initStore } from '../../src/store/init-store.ts';
import { runHere } from '../support/run-command.ts';
import { startTestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const label = { label: '', scope: 'read', expiresAtMs: undefined } as const;

describe.skipIf(!hasPostgres)('Tokens of a server over a Message DB', () => {
  test('are only those of --token until "pokewire store init" was run, which may be repeated.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    {
      await using app = await startTestApp(['--store', cluster.url(database), '--auth', 'token']);
      expect(app.newToken).toMatch(/^ns_/);
      expect(app.store.opening.summary).toContain('pokewire store init');
      await expect(app.namespaces.createToken('default', label)).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
        message: expect.stringContaining('pokewire store init'),
      });
    }
    const init = () => initStore(cluster.url(database, 'postgres'), 'message_store');
    expect(await init()).toMatch(/was created in database test_0, and the role message_store may use it/);
    expect(await init()).toMatch(/was there/);
    await using app = await startTestApp(['--store', cluster.url(database), '--auth', 'token']);
    const { token } = await app.namespaces.createToken('default', label);
    await using client = await cluster.connect(database);
    const { rows } = await client.query('SELECT tokens::text AS kept FROM pokewire.namespaces');
    expect(rows).toHaveLength(1);
    expect(rows[0].kept).not.toContain(token);
  });

  test('are shared by all nodes, and revoking one ends its activity on other nodes.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    const flags = ['--store', cluster.url(database), '--auth', 'token'];
    await using one = await startTestApp(flags);
    await using other = await startTestApp(flags);
    expect(one.newToken).toBeDefined();
    expect(other.newToken).toBeUndefined();
    const { id, token } = await one.namespaces.createToken('default', label);
    const subscribe = () => fetch(`${other.url}/subscribe?all=true`, { headers: { authorization: `Bearer ${token}` } });
    const subscribed = await subscribe();
    expect(subscribed.status).toBe(200);
    await one.namespaces.revokeToken('default', id);
    // The subscription ends, because its token was revoked.
    await subscribed.text();
    await expect.poll(async () => (await subscribe()).status, { timeout: 30_000 }).toBe(403);
  });

  test('of several nodes that start at once are one, and only one node prints it.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    const flags = ['--store', cluster.url(database), '--auth', 'token'];
    const apps = await Promise.all([1, 2, 3].map(() => startTestApp(flags)));
    const [told, ...more] = apps.flatMap(({ newToken }) => newToken ?? []);
    expect(more).toEqual([]);
    for (const app of apps) {
      const { status } = await fetch(`${app.url}/streams`, { headers: { authorization: `Bearer ${told}` } });
      expect(status).toBe(200);
      await app.close();
    }
  });

  test('keep working while the database is unavailable.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    await using app = await startTestApp(['--store', cluster.url(database), '--auth', 'token']);
    const headers = { authorization: `Bearer ${app.newToken}` };
    await cluster.stop();
    const subscribed = await fetch(`${app.url}/subscribe?all=true`, { headers });
    expect(subscribed.status).toBe(200);
    await subscribed.body?.cancel();
  });
});

describe.skipIf(!hasPostgres)('"pokewire store init"', () => {
  test('reports what is missing, and then changes nothing.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    const init = (url: string, role = 'message_store') => initStore(url, role);
    await expect(init(cluster.url(database))).rejects.toThrow(/may not create the schema: use that of the owner/);
    await expect(init(cluster.url(database, 'postgres'), 'nobody"')).rejects.toThrow(/there is no role nobody"/);
    await expect(init(cluster.url('postgres', 'postgres'))).rejects.toThrow(/no table message_store\.messages/);
    await expect(init('sqlite:a.db')).rejects.toThrow(/only postgres:\/\/ stores need to be initialized/);
    const { rows } = await owner.query("SELECT 1 FROM pg_namespace WHERE nspname = 'pokewire'");
    expect(rows).toEqual([]);
  });

  test('exits with 1 when the database refuses, and with 2 for an impossible URL.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    const exitCode = async (url: string, ...flags: string[]) => (await runHere('store init', [url, ...flags])).code;
    expect(await exitCode(cluster.url(database))).toBe(1);
    expect(await exitCode(cluster.url(database, 'postgres'), '--role', 'nobody')).toBe(1);
    expect(await exitCode(cluster.url('postgres', 'postgres'))).toBe(1);
    expect(await exitCode('postgres://localhost')).toBe(2);
    expect(await exitCode(cluster.url(database, 'postgres'))).toBe(0);
  });

  test('succeeds once when it runs several times concurrently.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    const url = cluster.url(database, 'postgres');
    const said = await Promise.all([1, 2, 3, 4].map(() => initStore(url, 'message_store')));
    expect(said.filter((text) => text.includes('was created'))).toHaveLength(1);
  });

  test('makes a role without its grant use the token of its start, with a warning, and does not change a newer schema.', async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    await owner.query('CREATE ROLE other LOGIN IN ROLE message_store');
    await owner.query('REVOKE message_store FROM other; GRANT USAGE ON SCHEMA message_store TO other');
    await owner.query('GRANT SELECT ON message_store.messages TO other');
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    const flags = ['--store', `${cluster.url(database, 'other')}?readonly=true`];
    {
      await using app = await startTestApp(flags);
      expect(app.store.capabilities.tokens).toBe('process');
      expect(app.store.opening.warning).toMatch(/the role other may not use the schema pokewire/);
    }
    await initStore(cluster.url(database, 'postgres'), 'other');
    {
      await using app = await startTestApp(flags);
      expect(app.store.capabilities.tokens).toBe('stored');
    }
    await owner.query("UPDATE pokewire.meta SET value = 99 WHERE key = 'version'");
    await expect(startTestApp(flags)).rejects.toThrow(/has version 99.*use a newer Pokewire/);
    await expect(initStore(cluster.url(database, 'postgres'), 'message_store')).rejects.toThrow(/has version 99/);
  });
});
