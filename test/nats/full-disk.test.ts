import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { canMount, SmallDisk } from '../faults/support/mount.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsServer } from './nats-server.ts';

/** Appends until an append is refused; returns the number stored before, and the refusal. */
async function fill(app: TestApp, before = 0) {
  for (let appended = before; appended < before + 5_000; appended++) {
    const { status, body } = await app.append('a-1', { type: 'Filled', data: { filling: 'x'.repeat(8_192) } });
    if (status !== 201) return { appended, status, body };
    expect(body.position).toBe(appended);
  }
  throw new Error('it was never full');
}

describeWithNats('A nats-server without room', () => {
  test('within its own byte limit refuses appends with 507 while everything else works.', async () => {
    using folder = new TemporaryFolder();
    const settings = [`jetstream { store_dir: "${folder.path}", max_file_store: 8MB }`];
    await using server = await NatsServer.start({ folder, name: 'small', settings, hasJetStream: false });
    await using app = await startTestApp(['--store', `nats://${server.host}/full`]);
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    const { appended, status, body } = await fill(app);
    expect(status).toBe(507);
    expect(body).toMatchObject({ error: { code: 'STORE_FULL' } });
    expect((await app.get('/ready')).body).toEqual({ status: 'ok', store: 'full' });
    expect((await app.get('/streams/a-1/messages/last')).body.position).toBe(appended - 1);
    expect((await subscriber.waitForPokes(appended)).length).toBe(appended);
  });

  test.skipIf(!canMount)(
    'of its disk refuses appends with a reason, and loses no acknowledged message once there is space.',
    async () => {
      using disk = new SmallDisk(64);
      const ballast = disk.file('ballast');
      await using server = await NatsServer.start({ folder: disk, name: 'small' });
      await using app = await startTestApp(['--store', `nats://${server.host}/full`]);
      await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
      writeFileSync(ballast, Buffer.alloc(56 * 1_048_576));
      const { appended, status, body } = await fill(app);
      expect([500, 503, 507]).toContain(status);
      expect(body.error.message).toMatch(/\w/);
      expect(subscriber.isClosed).toBe(false);
      rmSync(ballast);
      // A server that could not write has disabled its JetStream.
      await server.stop('SIGTERM');
      await server.run();
      await expect.poll(async () => (await app.get('/ready')).status, { timeout: 30_000 }).toBe(200);
      const again = await app.append('a-1', { type: 'Filled', data: {} });
      expect(again.status).toBe(201);
      expect(again.body.position).toBeGreaterThanOrEqual(appended);
      const pokes = await subscriber.waitForPokes(again.body.position + 1);
      expect(pokes.map(({ position }) => position)).toEqual(
        Array.from({ length: again.body.position + 1 }, (_value, n) => n),
      );
    },
  );
});
