import { closeSync, fdatasyncSync, openSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { MessagePort } from 'node:worker_threads';
import { type Fault, faultOf, foundNoRoom } from './calls.ts';
import { freeBytesOf } from './disk-watch.ts';
import { copiedKey } from './file-identity.ts';
import { openForReading } from './open-database.ts';
import { Query } from './rows.ts';

/** Options for one backup. */
export type BackupOptions = {
  readonly path: string;
  /** Path of the copy. */
  readonly copyPath: string;
  /** Disk space to leave free, in bytes. */
  readonly reserveBytes: number;
};

/** Message to the store with the outcome. */
export type BackupAnswer =
  | { readonly outcome: 'copied' }
  | { readonly outcome: 'no-room'; readonly neededBytes: number; readonly freeBytes: number }
  | { readonly outcome: 'failed'; readonly fault: Fault };

/** Pages copied in one step, 1 MiB. The copy can be cancelled between steps. */
const pagesPerStep = 256;

/** Path of the copy being made, next to the database. */
export function copyPathOf(path: string): string {
  return `${realpathSync(path)}-backup`;
}

/** Removes a copy and the files SQLite may have left next to it. */
export function removeCopy(copyPath: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(copyPath + suffix, { force: true });
}

/** Makes one copy, reports the outcome, and exits; any message cancels it. An incomplete copy is removed. */
export function serveBackup(port: MessagePort, options: BackupOptions): void {
  let isEnded = false;
  port.on('message', () => {
    isEnded = true;
  });
  makeCopy(options, () => isEnded).then(
    (answer) => end(port, answer),
    (error: unknown) => end(port, { outcome: 'failed', fault: faultOf(error) }),
  );
}

function end(port: MessagePort, answer: BackupAnswer): void {
  port.postMessage(answer);
  port.close();
}

async function makeCopy({ path, copyPath, reserveBytes }: BackupOptions, isEnded: () => boolean) {
  using source = openForReading(path);
  // One transaction around all steps; otherwise the copy would restart at each commit of the writer.
  source.exec('BEGIN');
  const pragma = (name: string) => new Query<readonly [number]>(source, `PRAGMA ${name}`).first()![0];
  const neededBytes = pragma('page_count') * pragma('page_size');
  const folder = dirname(copyPath);
  const freeBytes = freeBytesOf(folder);
  if (freeBytes < neededBytes + reserveBytes) return { outcome: 'no-room', neededBytes, freeBytes } as const;
  removeCopy(copyPath);
  try {
    // Readable only for this user, because it contains the same secrets as the database.
    const descriptor = openSync(copyPath, 'wx', 0o600);
    try {
      const progress = () => {
        if (isEnded()) throw new Error('the copy was cancelled');
        if (freeBytesOf(folder) < reserveBytes) throw new NoRoom();
        // After every step: syncing everything at the end would block commits for that long.
        fdatasyncSync(descriptor);
      };
      await backup(source, copyPath, { rate: pagesPerStep, progress });
    } finally {
      closeSync(descriptor);
    }
    if (isEnded()) throw new Error('the copy was cancelled');
    markAsCopy(copyPath);
    return { outcome: 'copied' } as const;
  } catch (error) {
    removeCopy(copyPath);
    if (!(error instanceof NoRoom) && !foundNoRoom(error)) throw error;
    return { outcome: 'no-room', neededBytes, freeBytes: freeBytesOf(folder) } as const;
  }
}

/** Cancels the copy before it uses the space to be left free. */
class NoRoom extends Error {}

/** Makes the copy a single file without a write-ahead log, and marks it so that its logs get new epochs when it is opened. */
function markAsCopy(copyPath: string): void {
  using copy = new DatabaseSync(copyPath);
  copy.exec('PRAGMA journal_mode = DELETE');
  new Query(copy, 'INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)').run(copiedKey, 1);
}
