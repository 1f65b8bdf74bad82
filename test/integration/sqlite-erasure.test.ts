import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { noLimits } from '../contract/suite.ts';
import { newMessage, pokePool, uuid } from '../support/fake-messages.ts';
import { forgetAll } from '../support/forget-all.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** A store on a file whose messages each contain a unique mark. */
class MarkedFile implements AsyncDisposable {
  readonly opened: OpenedStore;
  readonly #folder: TemporaryFolder;
  readonly #path: string;

  private constructor(folder: TemporaryFolder, path: string, opened: OpenedStore) {
    this.#folder = folder;
    this.#path = path;
    this.opened = opened;
  }

  static async open(): Promise<MarkedFile> {
    const folder = new TemporaryFolder();
    const path = folder.file('log.db');
    const pool = pokePool();
    const store = await SqliteStore.open(`sqlite:${path}?sync=normal`, { pokes: pool, ...noLimits });
    return new MarkedFile(folder, path, await OpenedStore.over(store, pool));
  }

  /** Appends messages to streams round robin, every tenth longer than a page of the file. */
  async fill(count: number, streams: readonly string[]): Promise<void> {
    for (let n = 0; n < count; n++) {
      const length = n % 10 === 0 ? 10_000 : 100;
      const message = newMessage({
        type: `type-${n}.`,
        data: `{"mark":"data-${n}.","x":"${'x'.repeat(length)}"}`,
        metadata: `{"mark":"metadata-${n}.${'y'.repeat(length)}"}`,
      });
      await this.opened.append(streams[n % streams.length]!, [message]);
    }
  }

  /** Messages with bytes left in the file or its write-ahead log. */
  marks(): Set<number> {
    const bytes = [this.#path, `${this.#path}-wal`].filter(existsSync).map((path) => readFileSync(path, 'latin1'));
    return new Set(bytes.flatMap((text) => [...text.matchAll(/(?:type|data)-(\d+)\./g)].map(([, n]) => Number(n))));
  }

  /** A reader with an open snapshot of the file. */
  reader(): DatabaseSync {
    const database = new DatabaseSync(this.#path, { readOnly: true });
    database.exec('BEGIN; SELECT * FROM logs');
    return database;
  }

  /** Number of pages in the file. */
  pages(): number {
    using database = new DatabaseSync(this.#path, { readOnly: true });
    return Number(database.prepare('PRAGMA page_count').get()!.page_count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

test('Nothing of an erased message is left in the file and its write-ahead log, and the other messages are unchanged.', async () => {
  await using file = await MarkedFile.open();
  const { log } = file.opened;
  await file.fill(400, ['a-1', 'b-1']);
  expect(file.marks()).toContain(40);
  for (const position of [0, 5, 20, 101, 199]) expect(await log.erase('a-1', position)).toBe(1);
  const marks = file.marks();
  for (const gone of [0, 10, 40, 202, 398]) expect(marks).not.toContain(gone);
  expect(marks.size).toBe(395);
  expect((await file.opened.messages()).map(({ data }) => data).join()).toContain('data-399.');
});

test('Nothing of an erased stream, or of messages forgotten before, is left in the file.', async () => {
  await using file = await MarkedFile.open();
  const { log, store, namespace } = file.opened;
  await file.fill(600, ['a-1', 'b-1', 'c-1']);
  await store.namespaces.setRetention(namespace, 'c', { maxMessages: 0 });
  await forgetAll(store);
  expect(await log.erase('a-1', undefined)).toBe(200);
  const marks = file.marks();
  expect(marks.size).toBe(200);
  expect([...marks].every((n) => n % 3 === 1)).toBe(true);
});

test('The file shrinks once most messages were forgotten.', async () => {
  await using file = await MarkedFile.open();
  const { store, namespace } = file.opened;
  await file.fill(1_500, ['a-1', 'b-1']);
  const pages = file.pages();
  expect(pages).toBeGreaterThan(600);
  await store.namespaces.setRetention(namespace, undefined, { maxMessages: 10 });
  await forgetAll(store);
  // Free pages are released in small steps until few are left.
  await expect.poll(() => file.pages()).toBeLessThan(pages / 2);
});

test('A message erased over HTTP is in no answer, file or write-ahead log, and causes no poke; positions continue, even after a restart.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('log.db');
  const flags = ['--store', `sqlite:${path}`];
  const secret = { id: uuid(7), type: 'SecretType', data: { secret: 'of-data' }, metadata: { secret: 'of-metadata' } };
  const plain = { type: 'Happened', data: {} };
  {
    await using app = await startTestApp(flags);
    const erase = async (what: string) => (await fetch(`${app.url}/streams/${what}`, { method: 'DELETE' })).status;
    await using subscriber = await SseClient.subscribe(app.port, '/subscribe?all=true');
    await app.append('a-1', plain);
    await app.append('a-1', secret);
    await app.append('b-1', { ...secret, id: uuid(8) });
    await app.append('b-1', plain);
    await subscriber.waitForPokes(4);
    expect(await erase('a-1/messages/1')).toBe(204);
    expect(await erase('b-1')).toBe(200);
    const answers = await Promise.all(
      [
        '/export',
        '/streams/a-1/messages',
        '/streams/b-1/messages',
        '/streams/a-1/messages/last',
        '/streams/b-1/messages/last',
        '/categories/a/messages',
        '/categories/b/messages',
      ].map(async (read) => (await app.get(read)).text),
    );
    expect(answers.join()).not.toMatch(/secret/i);
    const content = [path, `${path}-wal`].map((file) => readFileSync(file, 'latin1')).join();
    for (const gone of ['SecretType', 'of-data', 'of-metadata']) expect(content.includes(gone)).toBe(false);
    for (const n of [7, 8]) {
      const id = Buffer.from(uuid(n).replaceAll('-', ''), 'hex');
      expect(content.includes(id.toString('latin1'))).toBe(false);
    }
    expect((await app.append('b-1', plain, 'expectedVersion=1')).body).toMatchObject({
      position: 2,
      globalPosition: 5,
    });
    await subscriber.waitForPokes(5);
    expect(subscriber.pokes.map(({ globalPosition }) => globalPosition)).toEqual([1, 2, 3, 4, 5]);
    expect(await erase('b-1')).toBe(200);
  }
  await using app = await startTestApp(flags);
  expect((await app.get('/streams/b-1')).body).toMatchObject({ version: 2, messageCount: 0 });
  await using subscriber = await SseClient.connect(app.port, '/subscribe?all=true&hello=true&position=2');
  await subscriber.waitFor(() => subscriber.events.length > 0, 'hello');
  expect(JSON.parse(subscriber.events[0]!.data)).toMatchObject({ head: 5, forgottenUpTo: 0 });
  expect((await app.append('a-1', plain, 'expectedVersion=1')).body).toMatchObject({ position: 2, globalPosition: 6 });
  await subscriber.waitFor(() => subscriber.events.length > 1, 'a poke');
  expect(subscriber.events.map(({ type }) => type)).toEqual(['hello', 'poke']);
});

test('Erasing during a backup waits for its end, and appends do not.', async () => {
  await using file = await MarkedFile.open();
  const { log } = file.opened;
  await file.fill(20, ['a-1', 'b-1']);
  const erased: number[] = [];
  using reader = file.reader();
  const erasing = log.erase('a-1', 0).then((count) => erased.push(count));
  for (let n = 0; n < 200; n++) await file.opened.append('b-1');
  expect(erased).toEqual([]);
  reader.exec('COMMIT');
  await erasing;
  expect([erased, file.marks().has(0)]).toEqual([[1], false]);
});
