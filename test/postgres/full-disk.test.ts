import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canMount, SmallDisk } from '../faults/support/mount.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

test.skipIf(!hasPostgres || !canMount)(
  'A full disk of PostgreSQL refuses appends with 507 while everything else works, and accepts them again once there is space.',
  async () => {
    await using cluster = await PostgresCluster.start();
    using disk = new SmallDisk(8);
    cluster.own(disk.path);
    const database = await cluster.create();
    await using owner = await cluster.connect(database);
    await owner.query(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
    await owner.query('ALTER TABLE message_store.messages SET TABLESPACE small');
    await using app = await startTestApp(['--store', cluster.url(database)]);
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    const ballast = disk.file('ballast');
    writeFileSync(ballast, Buffer.alloc(4 * 1_048_576));
    // PostgreSQL compresses repetitive data.
    const filling = () => Array.from({ length: 500 }, () => Math.random().toString(36)).join('');
    let appended = 0;
    const append = async () => {
      const { status, body } = await app.append('a-1', { type: 'Filled', data: { filling: filling() } });
      if (status === 201) expect(body.position).toBe(appended++);
      else expect(body).toMatchObject({ error: { code: 'STORE_FULL', details: { limit: 'disk' } } });
      return status;
    };
    while ((await append()) === 201) expect(appended).toBeLessThan(5_000);
    expect((await app.get('/ready')).body).toEqual({ status: 'ok', store: 'full' });
    expect((await app.get('/streams/a-1/messages/last')).body.position).toBe(appended - 1);
    await subscriber.waitForPokes(appended);
    rmSync(ballast);
    expect(await append()).toBe(201);
    expect((await app.get('/ready')).body).toEqual({ status: 'ok', store: 'ok' });
    const pokes = await subscriber.waitForPokes(appended);
    expect(pokes.map(({ position }) => position)).toEqual(Array.from({ length: appended }, (_value, n) => n));
    await owner.query('ALTER TABLE message_store.messages SET TABLESPACE pg_default');
  },
);
