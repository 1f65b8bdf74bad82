import { copyFileSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { Namespace } from '../../src/store/namespace-store.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 100 };
const spec = { id: 'default', uid: 'uid', description: 'of tests', createdAtMs: 1, tokens: [] };
const never = new AbortController().signal;

/** A store on a file, with the namespace `default`. */
class OpenFile implements AsyncDisposable {
  readonly store: SqliteStore;
  readonly namespace: Namespace;
  #isClosed = false;

  private constructor(store: SqliteStore, namespace: Namespace) {
    this.store = store;
    this.namespace = namespace;
  }

  static async open(path: string, query = ''): Promise<OpenFile> {
    const store = await SqliteStore.open(
      `sqlite:${path}?reserve=0&sync=normal${query}`,
      { pokes: pokePool(), ...limits },
      serveHere,
    );
    const { namespaces } = store;
    return new OpenFile(store, (await namespaces.find('default')) ?? (await createNamespace(namespaces, spec)));
  }

  get epoch() {
    return this.namespace.log;
  }

  get log() {
    return this.store.log(this.namespace.log);
  }

  async append(count: number): Promise<void> {
    expect(await this.log.append('a-1', newMessages(count), undefined)).toMatchObject({ outcome: 'appended' });
  }

  async head(): Promise<number> {
    return (await this.log.bounds()).head;
  }

  async backup(): Promise<Buffer> {
    const made = await this.store.backup(never);
    if (made.outcome !== 'copied') throw new Error(made.outcome);
    const content = await buffer(made.copy.content);
    expect(content).toHaveLength(made.copy.bytes);
    return content;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.store.close();
  }
}

/** Runs a store on the file. */
async function on<T>(path: string, use: (opened: OpenFile) => Promise<T>, query = ''): Promise<T> {
  await using opened = await OpenFile.open(path, query);
  return await use(opened);
}

/** The reason for new epochs when a start reports one, and the epoch of the log. */
const startOn = (path: string, query = '') =>
  on(path, async ({ store, epoch }) => ({ epoch, warning: store.opening.warning }), query);

const appendedOn = (path: string, count: number) =>
  on(path, async (opened) => {
    await opened.append(count);
    return opened.epoch;
  });

describe('A backup', () => {
  test('is one database on which another store starts, with all data and new epochs.', async () => {
    using folder = new TemporaryFolder();
    const copy = folder.file('copy.db');
    await using original = await OpenFile.open(folder.file('a.db'));
    await original.append(3);
    await writeFile(copy, await original.backup());
    expect(readdirSync(folder.path).filter((name) => name.startsWith('copy'))).toEqual(['copy.db']);
    await using restored = await OpenFile.open(copy);
    expect(restored.namespace).toEqual({ ...original.namespace, log: restored.epoch });
    expect(restored.epoch).not.toBe(original.epoch);
    expect(restored.store.opening).toEqual({
      summary: `Messages are in ${copy}, with 3 messages in 1 namespace.`,
      warning: expect.stringContaining('is a backup, so its logs have new epochs'),
    });
    const read = async ({ log }: OpenFile) =>
      (await log.read({ category: undefined, group: undefined, correlation: undefined }, 1, 10)).messages;
    expect(await read(restored)).toEqual(await read(original));
    await restored.append(1);
    expect([await restored.head(), await original.head()]).toEqual([4, 3]);
  });

  test('keeps the epochs of its first start.', async () => {
    using folder = new TemporaryFolder();
    const copy = folder.file('copy.db');
    await on(folder.file('a.db'), async (opened) => writeFile(copy, await opened.backup()));
    const { epoch } = await startOn(copy);
    expect(await startOn(copy)).toEqual({ epoch, warning: undefined });
  });

  test('does not change the epochs of the original store.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    const epoch = await on(path, async (opened) => {
      await opened.backup();
      return opened.epoch;
    });
    expect(await startOn(path)).toEqual({ epoch, warning: undefined });
  });

  test('is consistent, whatever is appended in the meantime.', async () => {
    using folder = new TemporaryFolder();
    await using original = await OpenFile.open(folder.file('a.db'));
    // Enough for several steps of copying.
    for (let n = 0; n < 12; n++) await original.append(1_000);
    const backup = original.backup();
    for (let n = 0; n < 30; n++) await original.append(1);
    const copy = folder.file('copy.db');
    await writeFile(copy, await backup);
    using database = new DatabaseSync(copy, { readOnly: true });
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    const { head, messages } = database.prepare('SELECT head, messages FROM logs').get()!;
    expect(database.prepare('SELECT count(*) AS count FROM messages').get()).toEqual({ count: messages });
    expect(head).toBe(messages);
    expect(head).toBeGreaterThanOrEqual(12_000);
  });

  test('is made one at a time, even while another one is read.', async () => {
    using folder = new TemporaryFolder();
    await using opened = await OpenFile.open(folder.file('a.db'));
    const first = opened.store.backup(never);
    expect(await opened.store.backup(never)).toEqual({ outcome: 'under-way' });
    const made = await first;
    expect(await opened.store.backup(never)).toEqual({ outcome: 'under-way' });
    if (made.outcome === 'copied') await buffer(made.copy.content);
    await opened.backup();
  });

  test('leaves no file: not when it is read, abandoned or cancelled, nor when the store closes.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    const files = () => readdirSync(folder.path).filter((name) => name.includes('backup'));
    await using opened = await OpenFile.open(path);
    await opened.append(1_000);
    const made = await opened.store.backup(never);
    expect(files()).toEqual([]);
    if (made.outcome === 'copied') made.copy.content.destroy();
    const cancelled = new AbortController();
    await expect
      .poll(async () => {
        const next = opened.store.backup(cancelled.signal);
        cancelled.abort();
        return next.catch((error) => error.code);
      })
      .toBe('BACKEND_ERROR');
    expect(files()).toEqual([]);
    // A backup just made can no longer be read.
    const closing = opened.store.backup(never).then(
      (last) => last.outcome === 'copied' && last.copy.content.destroyed,
      () => true,
    );
    await opened[Symbol.asyncDispose]();
    expect(await closing).toBe(true);
    expect(files()).toEqual([]);
  });

  test('left incomplete by a killed process is removed at the next start.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    await startOn(path);
    for (const suffix of ['', '-journal']) writeFileSync(`${path}-backup${suffix}`, 'half');
    await startOn(path);
    expect(readdirSync(folder.path).filter((name) => name.includes('backup'))).toEqual([]);
  });

  test('is not started if the disk has no space for it in addition to the reserve.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    await startOn(path);
    const query = '&reserve=999999999999999';
    await using opened = await OpenFile.open(path, query);
    expect(await opened.store.backup(never)).toEqual({
      outcome: 'no-room',
      neededBytes: expect.any(Number),
      freeBytes: expect.any(Number),
    });
    expect(existsSync(`${path}-backup`)).toBe(false);
  });

  test('that replaces a database whose write-ahead log still exists is refused, and the log is kept.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    const content = await on(path, (opened) => opened.backup());
    writeFileSync(path, content);
    writeFileSync(`${path}-wal`, 'of the file that was there');
    await expect(OpenFile.open(path)).rejects.toThrow(`Remove ${path}-wal and ${path}-shm.`);
    expect(existsSync(`${path}-wal`)).toBe(true);
  });
});

describe('The epoch of a log', () => {
  test('is unchanged if the file is started again, or was renamed.', async () => {
    using folder = new TemporaryFolder();
    const [path, moved] = [folder.file('a.db'), folder.file('b.db')];
    const epoch = await appendedOn(path, 1);
    expect(await startOn(path)).toEqual({ epoch, warning: undefined });
    renameSync(path, moved);
    expect(await startOn(moved)).toEqual({ epoch, warning: undefined });
  });

  test('is unchanged if starts were killed between writing their number to the file and to the lock file.', async () => {
    using folder = new TemporaryFolder();
    const [path, saved] = [folder.file('a.db'), folder.file('saved-lock')];
    const epoch = await appendedOn(path, 1);
    copyFileSync(`${path}-lock`, saved);
    for (let killed = 0; killed < 3; killed++) {
      expect(await startOn(path)).toEqual({ epoch, warning: undefined });
      // State of the disk if the second write never happened.
      copyFileSync(saved, `${path}-lock`);
    }
    expect(await startOn(path)).toEqual({ epoch, warning: undefined });
  });

  test('changes in a copy of the file, which reports that, and then stays.', async () => {
    using folder = new TemporaryFolder();
    const [path, copy] = [folder.file('a.db'), folder.file('b.db')];
    const epoch = await appendedOn(path, 1);
    copyFileSync(path, copy);
    const started = await startOn(copy);
    expect(started).toEqual({
      epoch: expect.not.stringContaining(epoch),
      warning: expect.stringContaining('is not the file of the last start, so its logs have new epochs'),
    });
    expect(await startOn(copy)).toEqual({ epoch: started.epoch, warning: undefined });
    expect(await startOn(path)).toEqual({ epoch, warning: undefined });
  });

  test('changes if an older copy was written over the file, whose inode is unchanged.', async () => {
    using folder = new TemporaryFolder();
    const [path, copy] = [folder.file('a.db'), folder.file('b.db')];
    const epoch = await appendedOn(path, 1);
    copyFileSync(path, copy);
    await appendedOn(path, 5);
    copyFileSync(copy, path);
    expect(await startOn(path)).toEqual({
      epoch: expect.not.stringContaining(epoch),
      warning: expect.stringContaining('is not the file of the last start'),
    });
  });

  test('changes if either the inode or the creation time differs from that of the last start.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    let epoch = await appendedOn(path, 1);
    for (const other of [(text: string) => `1${text}`, (text: string) => `${text}1`]) {
      {
        using database = new DatabaseSync(path);
        const { value } = database.prepare("SELECT value FROM meta WHERE key = 'file'").get()!;
        database.prepare("UPDATE meta SET value = ? WHERE key = 'file'").run(other(String(value)));
      }
      const started = await startOn(path);
      expect(started.epoch).not.toBe(epoch);
      expect(started.warning).toContain('is not the file of the last start');
      ({ epoch } = started);
    }
    expect(await startOn(path)).toEqual({ epoch, warning: undefined });
  });

  test('changes for each namespace of a backup, and deleted namespaces have none.', async () => {
    using folder = new TemporaryFolder();
    const [path, copy] = [folder.file('a.db'), folder.file('b.db')];
    const logsOf = async ({ store: { namespaces } }: OpenFile) =>
      (await namespaces.list(undefined, 10)).map(({ id, log }) => ({ id, log }));
    const before = await on(path, async (opened) => {
      const { namespaces } = opened.store;
      for (const id of ['gone', 'other']) await createNamespace(namespaces, { ...spec, id, uid: id });
      await namespaces.remove((await namespaces.find('gone'))!);
      await writeFile(copy, await opened.backup());
      return logsOf(opened);
    });
    const after = await on(copy, logsOf);
    expect(after.map(({ id }) => id)).toEqual(['default', 'other']);
    expect(new Set([...before, ...after].map(({ log }) => log)).size).toBe(4);
  });

  test('changes if the start requests it, as for a restored volume.', async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('a.db');
    const epoch = await appendedOn(path, 1);
    expect(await startOn(path, '&newEpoch=true')).toEqual({
      epoch: expect.not.stringContaining(epoch),
      warning: expect.stringContaining('was opened with newEpoch=true'),
    });
  });

  test('changes for each namespace of a copy.', async () => {
    using folder = new TemporaryFolder();
    const [path, copy] = [folder.file('a.db'), folder.file('b.db')];
    const logsOf = async ({ store: { namespaces } }: OpenFile) =>
      (await namespaces.list(undefined, 10)).map(({ log }) => log);
    const before = await on(path, async (opened) => {
      await createNamespace(opened.store.namespaces, { ...spec, id: 'other', uid: 'other' });
      return logsOf(opened);
    });
    copyFileSync(path, copy);
    expect(new Set([...before, ...(await on(copy, logsOf))]).size).toBe(4);
  });
});
