import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../../config-error.ts';
import { errcodeOf } from './calls.ts';
import { applicationId, migrate, schemaVersion } from './schema.ts';

/** Write-ahead log size that triggers a checkpoint, in pages of 4 KiB. */
const walPages = 4_000;
const walLimitBytes = 67_108_864;

/** How long a statement waits for another connection, such as a checkpoint or a backup. */
export const busyTimeoutMs = 5_000;

/**
 * Network and cluster file systems, whose locks and shared memory SQLite cannot rely on: NFS, SMB (three), 9P, AFS,
 * Coda, Ceph, Lustre, GPFS, GFS2, OCFS2.
 */
const networkFileSystems: readonly number[] = [
  0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x01021997, 0x5346414f, 0x73757245, 0x00c36400, 0x0bd00bd0, 0x47504653,
  0x01161970, 0x7461636f,
];

/** First bytes of every SQLite database. */
const magic = 'SQLite format 3\0';

/** Magic number of a folder's file system. */
export type FileSystemType = (folder: string) => number;

const typeOfFileSystem: FileSystemType = (folder) => statfsSync(folder).type;

/** Offset of the file format's write version: 1 in a backup, 2 (write-ahead log) in a file that a store has used. */
const writeVersionAt = 18;

/** Options for opening the file. */
export type FileOptions = {
  readonly path: string;
  /** Whether a commit waits for the disk. `normal`: a power failure may lose the last commits. */
  readonly sync: 'full' | 'normal';
};

/**
 * Locks the database with a lock file, so that only one process writes to it. The kernel releases the lock when the
 * process ends, however it ends.
 */
export function lockFile(path: string, typeOf: FileSystemType = typeOfFileSystem): DatabaseSync {
  const folder = dirname(path);
  if (!existsSync(folder))
    throw new ConfigError(`--store: there is no folder ${folder}. Create it, or name another one.`);
  if (networkFileSystems.includes(typeOf(folder))) {
    throw new ConfigError(
      `--store: ${folder} is on a network file system, on which SQLite can lose data. Use a local disk.`,
    );
  }
  if (existsSync(path)) checkRights(path);
  const lockPath = `${realPathOf(path)}-lock`;
  // No lock file means that no store has used the file yet, so it is checked before anything is created next to it.
  if (existsSync(path) && !existsSync(lockPath)) versionOf(path);
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(lockPath);
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; COMMIT');
    return lock;
  } catch (error) {
    lock?.close();
    // SQLITE_BUSY
    if (errcodeOf(error) === 5) {
      throw new ConfigError(`--store: ${path} is in use by another process. Stop it, or choose another file.`);
    }
    throw new ConfigError(
      `--store: cannot write ${lockPath}: ${(error as Error).message}. Check the permissions of ${folder}.`,
    );
  }
}

/** Checked before opening, because SQLite would leave a write-ahead log next to the file. */
function checkRights(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch {
    throw new ConfigError(`--store: ${path} cannot be written. Check the permissions of the file and its folder.`);
  }
}

/**
 * Opens the database for writing, and creates or migrates it. Throws {@link ConfigError} if it cannot be used, without
 * having written to it.
 */
export function openForWriting({ path, sync }: FileOptions): DatabaseSync {
  const version = existsSync(path) ? versionOf(path) : 0;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: false });
    if (version === 0) database.exec('PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL');
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${sync === 'full' ? 'FULL' : 'NORMAL'}; PRAGMA cache_size = -16384;
       PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST; PRAGMA wal_autocheckpoint = ${walPages}; PRAGMA journal_size_limit = ${walLimitBytes}`,
    );
    migrate(database, version);
    return database;
  } catch (error) {
    if (database?.isOpen) database.close();
    throw error;
  }
}

export function openForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
  database.exec('PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY');
  return database;
}

/** Schema version of the file, determined without writing to it; 0 if it is empty or its creation was interrupted. */
function versionOf(path: string): number {
  if (!statSync(path).isFile()) throw new ConfigError(`--store: ${path} is not a file.`);
  const header = headerOf(path);
  if (header.length > 0 && header.toString('latin1', 0, magic.length) !== magic) {
    throw new ConfigError(
      `--store: ${path} is not a SQLite database, or it is damaged. Restore a backup, or choose another file.`,
    );
  }
  // SQLite would apply the write-ahead log of another file to this one.
  if (header[writeVersionAt] === 1 && existsSync(`${path}-wal`)) {
    throw new ConfigError(
      `--store: ${path} is a backup, and ${path}-wal belongs to the file that was there before it. Remove ${path}-wal and ${path}-shm.`,
    );
  }
  try {
    using database = new DatabaseSync(unwrittenUrlOf(path), { readOnly: true, timeout: busyTimeoutMs });
    const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()![name]);
    const [application, version] = [pragma('application_id'), pragma('user_version')];
    const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
    if (application !== applicationId && !isEmpty) {
      throw new ConfigError(`--store: ${path} is a SQLite database of another program. Choose another file.`);
    }
    if (version > schemaVersion) {
      throw new ConfigError(
        `--store: ${path} has schema ${version}, and this version of Pokewire supports schemas up to ${schemaVersion}. Use a newer version.`,
      );
    }
    return version;
  } catch (error) {
    throw refusalOf(path, error);
  }
}

/** The error for a fault during start. Rethrows programming errors, which are not the file's fault. */
export function refusalOf(path: string, error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  const errcode = errcodeOf(error);
  if (errcode === undefined) throw error;
  const told = (problem: string) => new ConfigError(`--store: ${path} ${problem} (${(error as Error).message}).`);
  switch (errcode & 0xff) {
    case 5:
      return told('is locked by another program. Stop it, or choose another file');
    case 8:
    case 14:
      return told('cannot be written. Check the permissions of the file and its folder');
    case 10:
    case 13:
      return told('cannot be written: the disk is full or faulty. Free space, or check the kernel log');
    case 11:
    case 26:
      return told('is damaged. Restore a backup, or choose another file');
    default:
      return told('cannot be opened');
  }
}

/** The file's canonical path, so that a file reached by two names has one lock. */
function realPathOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/** URL for reading the file without creating a write-ahead log. An existing write-ahead log belongs to the file, and is read too. */
function unwrittenUrlOf(path: string): URL {
  const url = pathToFileURL(path);
  if (!existsSync(`${realPathOf(path)}-wal`)) url.searchParams.set('immutable', '1');
  return url;
}

/** The file's first bytes; empty if the file is. */
function headerOf(path: string): Buffer {
  const header = Buffer.alloc(writeVersionAt + 1);
  const descriptor = openSync(path, 'r');
  try {
    return header.subarray(0, readSync(descriptor, header));
  } finally {
    closeSync(descriptor);
  }
}
