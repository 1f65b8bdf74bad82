import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { everything, newMessages, pokePool, uuid } from '../support/fake-messages.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** A file written by the first release. It is never regenerated: later releases must open it. */
const first = new URL('sqlite-version-1.db.gz', import.meta.url);

const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 10 };

function unpack(folder: TemporaryFolder): string {
  const path = folder.file('first.db');
  writeFileSync(path, gunzipSync(readFileSync(first)));
  return path;
}

function schemaOf(path: string): unknown[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const version = database.prepare('PRAGMA user_version').get();
  return [version, ...database.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all()];
}

test('A file of the first version is opened with all data, and can be used.', async () => {
  using folder = new TemporaryFolder();
  const pokes = pokePool();
  const store = await SqliteStore.open(`sqlite:${unpack(folder)}`, { pokes, ...limits }, serveHere);
  const token = { id: 't1', label: 'One', hash: '0'.repeat(64), scope: 'admin', createdAtMs: 1 };
  const namespaces = await store.namespaces.list(undefined, 10);
  expect(namespaces).toMatchObject(
    ['default', 'replaced'].map((id) => ({ id, uid: `uid of ${id}`, description: `Namespace ${id}`, tokens: [token] })),
  );
  const log = store.log(namespaces[0]!.log);
  const { messages } = await log.read({ category: undefined, group: undefined, correlation: undefined }, 1, 10);
  expect(messages).toMatchObject([
    { id: uuid(1), stream: 'account-1', position: 0, globalPosition: 1, data: '{"a":"é"}', metadata: null },
    { id: uuid(2), data: '[1, 2]', metadata: '{"correlationStreamName":"order-1"}', position: 1, globalPosition: 2 },
    { id: uuid(3), stream: 'account-2+b', type: 'Deposited', position: 0, globalPosition: 3 },
    { id: 'no uuid', stream: 'order-1', position: 4, globalPosition: 10, timeMs: 1_700_000_000_123, timeNanos: 456 },
  ]);
  const page = await log.pokes(everything, 2, 10);
  expect(page.pokes.map(({ globalPosition }) => globalPosition)).toEqual([3, 10]);
  page.release();
  expect(await log.append('order-1', newMessages(1), 4)).toMatchObject({ position: 5, globalPosition: 11 });
  expect(await store.log(namespaces[1]!.log).bounds()).toMatchObject({ head: 3, forgottenUpTo: 0 });
  const removed = { id: 'removed', uid: 'new', description: '', createdAtMs: 0, tokens: [] };
  const again = await store.namespaces.create(removed);
  if (again.outcome !== 'created') throw new Error(again.outcome);
  expect((await store.log(again.namespace.log).bounds()).head).toBe(3);
  await store.close();
});

test('A file of the first version has the schema of a new one after it was opened.', async () => {
  using folder = new TemporaryFolder();
  const paths = [unpack(folder), folder.file('new.db')];
  for (const path of paths) {
    const store = await SqliteStore.open(`sqlite:${path}`, { pokes: pokePool(), ...limits }, serveHere);
    await store.close();
  }
  const [old, now] = paths.map(schemaOf);
  expect(old).toEqual(now);
});
