import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { type StartThread, startWorker, type Thread } from '../../src/store/sqlite/store-thread.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { FaultServer, poll } from './support/server.ts';

const message = { type: 'Happened', data: {} };

test('While nothing can be written, health, reads and catch-up work; appends fail in time, and are accepted afterwards.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('pokewire.db');
  await using server = await FaultServer.start([`--store=sqlite:${path}`]);
  await server.append('a-1', 100);
  const other = new DatabaseSync(path);
  // From now on the writer thread waits within SQLite, as it would for a disk.
  other.exec('BEGIN IMMEDIATE');
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(message);
  let isWaiting = true;
  const appends = Promise.all(
    Array.from({ length: 20 }, (_, n) => server.ask(`/streams/b-${n}/messages`, { method: 'POST', headers, body })),
  ).finally(() => {
    isWaiting = false;
  });
  await using client = await SseClient.connect(server.port, '/subscribe?category=a');
  await client.waitForPokes(100);
  expect((await server.ask('/health')).status).toBe(200);
  expect((await server.ask('/streams/a-1/messages/last')).status).toBe(200);
  const ready = await server.ask('/ready');
  expect(ready.status).toBe(503);
  expect(JSON.parse(ready.text).error.details).toEqual({ reasons: ['store'] });
  expect(isWaiting).toBe(true);
  const codes = (await appends).map(({ status, text }) => [status, JSON.parse(text).error.code]);
  expect(codes).toEqual(new Array(20).fill([500, 'BACKEND_ERROR']));
  other.exec('ROLLBACK');
  other.close();
  await poll(async () => (await server.ask('/ready')).status).toBe(200);
  await server.append('a-1', 1);
  await client.waitForPokes(101);
});

/** Threads whose writer receives nothing while held. */
class HeldThreads {
  isHeld = false;
  #held: (() => void)[] = [];

  readonly start: StartThread = (name, options) => {
    const thread: Thread = startWorker(name, options);
    if (name !== 'writer') return thread;
    const post = thread.postMessage.bind(thread);
    return Object.assign(thread, {
      postMessage: (calls: Parameters<Thread['postMessage']>[0]) => {
        if (this.isHeld) this.#held.push(() => post(calls));
        else post(calls);
      },
    });
  };

  release(): void {
    this.isHeld = false;
    for (const post of this.#held.splice(0)) post();
  }
}

test('An append that the writer thread does not answer is rejected at its deadline, and delivered if it is stored after all.', async () => {
  using folder = new TemporaryFolder();
  const threads = new HeldThreads();
  await using app = await startTestApp([], {
    openStore: (_url, options) => SqliteStore.open(`sqlite:${folder.file('pokewire.db')}`, options, threads.start),
  });
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  threads.isHeld = true;
  const beganMs = performance.now();
  const append = app.append('a-1', message);
  expect((await app.get('/health')).status).toBe(200);
  const { status, body } = await append;
  expect([status, body.error.code]).toEqual([500, 'BACKEND_ERROR']);
  expect(performance.now() - beganMs).toBeGreaterThan(9_900);
  expect(client.pokes).toEqual([]);
  threads.release();
  const [poke] = await client.waitForPokes(1);
  expect(poke).toMatchObject({ stream: 'a-1', position: 0, globalPosition: 1 });
});
