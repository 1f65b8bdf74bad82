import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { ConfigError } from '../../src/config-error.ts';
import { lockFile } from '../../src/store/sqlite/open-database.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessage, pokePool } from '../support/fake-messages.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const pageBytes = 4_096;

const open = (path: string) =>
  SqliteStore.open(
    `sqlite:${path}`,
    { pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 10 },
    serveHere,
  );

/** A closed store with a few dozen pages of messages. */
async function fill(path: string): Promise<void> {
  const store = await open(path);
  const namespace = { id: 'a', uid: 'a', description: '', createdAtMs: 0, tokens: [] };
  const log = store.log((await createNamespace(store.namespaces, namespace)).log);
  const messages = Array.from({ length: 200 }, (_, n) => newMessage({ data: `"${`${n} `.repeat(300)}"` }));
  expect(await log.append('s-1', messages, undefined)).toMatchObject({ outcome: 'appended' });
  await store.close();
}

/** Names and hashes of a folder's files. */
function contentsOf(folder: string): Map<string, string> {
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
  return new Map(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, bytes, 0, bytes.length, at);
  closeSync(descriptor);
}

/** The fault of the file, and the error text. */
const wrongFiles: Readonly<Record<string, readonly [make: (path: string) => unknown, says: RegExp]>> = {
  'is text': [
    (path) => writeFileSync(path, 'not a database, but as long as a header is: '.repeat(50)),
    /is not a SQLite database, or it is damaged. Restore/,
  ],
  'has a damaged beginning': [
    async (path) => {
      await fill(path);
      overwrite(path, 0, new Uint8Array(16));
    },
    /is not a SQLite database, or it is damaged. Restore/,
  ],
  'has a damaged header': [
    async (path) => {
      await fill(path);
      overwrite(path, 16, new Uint8Array(80));
    },
    /is damaged. Restore a backup/,
  ],
  'has a damaged schema': [
    async (path) => {
      await fill(path);
      overwrite(path, 100, new Uint8Array(pageBytes - 100).fill(0xff));
    },
    /is damaged. Restore a backup/,
  ],
  'was cut off': [
    async (path) => {
      await fill(path);
      truncateSync(path, pageBytes * 3);
    },
    /is damaged. Restore a backup/,
  ],
  'is of a newer version': [
    async (path) => {
      await fill(path);
      using database = new DatabaseSync(path);
      database.exec('PRAGMA user_version = 999');
    },
    /has schema 999, and this version of Pokewire supports schemas up to \d+. Use a newer version/,
  ],
  'belongs to another program': [
    (path) => {
      using database = new DatabaseSync(path);
      database.exec('CREATE TABLE a(b); INSERT INTO a VALUES (1)');
    },
    /is a SQLite database of another program. Choose another file/,
  ],
  'belongs to another program, with a write-ahead log': [
    (path) => {
      using database = new DatabaseSync(path);
      database.exec('PRAGMA journal_mode = WAL; CREATE TABLE a(b); INSERT INTO a VALUES (1)');
    },
    /is a SQLite database of another program. Choose another file/,
  ],
  'is a folder': [(path) => mkdirSync(path), /is not a file/],
  'is in a folder that does not exist': [() => {}, /there is no folder .*. Create it/],
};

test.each(Object.entries(wrongFiles))(
  'A file that %s is refused with one sentence, and nothing is written.',
  async (what, [make, says]) => {
    using folder = new TemporaryFolder();
    const path = what.includes('does not exist') ? folder.file('none/pokewire.db') : folder.file('pokewire.db');
    await make(path);
    const before = contentsOf(folder.path);
    const refused = await open(path).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(ConfigError);
    const { message } = refused as ConfigError;
    expect(message).toMatch(says);
    expect(message).toMatch(/^--store: [^\n]+$/);
    const after = contentsOf(folder.path);
    // A file that was used before already has its lock file.
    expect(after).toEqual(before);
  },
);

test('Damage in the middle of a file is reported by the reads that reach it, and the rest can be read.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('pokewire.db');
  await fill(path);
  const place = readFileSync(path).lastIndexOf('199 199');
  overwrite(path, place - (place % pageBytes), new Uint8Array(pageBytes).fill(0x5a));
  const store: Store = await open(path);
  const log = store.log((await store.namespaces.find('a'))!.log);
  expect((await log.readStream('s-1', { position: 0 }, 5)).messages).toHaveLength(5);
  await expect(log.readLast('s-1', undefined)).rejects.toMatchObject({
    code: 'BACKEND_ERROR',
    cause: {
      message: expect.stringMatching(/malformed \(SQLite \d+\). The file is damaged: stop, and restore a backup/),
    },
  });
  await store.check();
  await store.close();
});

test.each([
  ['NFS', 0x6969],
  ['SMB', 0xff534d42],
  ['Ceph', 0x00c36400],
])('A folder on %s is refused before anything is written.', (_name, type) => {
  using folder = new TemporaryFolder();
  expect(() => lockFile(folder.file('pokewire.db'), () => type)).toThrow(
    /^--store: .* is on a network file system, on which SQLite can lose data. Use a local disk.$/,
  );
  expect(readdirSync(folder.path)).toEqual([]);
});

test('A file with two names can be opened only once.', async () => {
  using folder = new TemporaryFolder();
  const [path, link] = [folder.file('pokewire.db'), folder.file('link.db')];
  await fill(path);
  symlinkSync(path, link);
  const store = await open(path);
  await expect(open(link)).rejects.toThrow(/link.db is in use by another process. Stop it, or choose another file.$/);
  await store.close();
  await (await open(link)).close();
});

test('A start that was interrupted before it had created the schema is completed by the next one.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('pokewire.db');
  writeFileSync(path, '');
  await (await open(path)).close();
  using begun = new TemporaryFolder();
  const begunPath = begun.file('pokewire.db');
  const database = new DatabaseSync(begunPath);
  database.exec('PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL');
  for (const name of readdirSync(begun.path)) copyFileSync(begun.file(name), folder.file(`begun-${name}`));
  database.close();
  await (await open(folder.file('begun-pokewire.db'))).close();
});
