import { closeSync, fdatasyncSync, openSync, realpathSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import type { MessagePort } from 'node:worker_threads';
import { type Fault, faultOf, foundNoRoom } from './calls.ts';
import { freeBytesOf } from './disk-watch.ts';
import { copiedKey } from './file-identity.ts';
import { openForReading } from './open-database.ts';
import { Query } from './rows.ts';

/** What a backup is started with. */
export type BackupOptions = {
  readonly path: string;
  /** Where the copy is made. */
  readonly copyPath: string;
  /** Bytes of the disk that a copy leaves free. */
  readonly reserveBytes: number;
};

/** Its outcome. */
export type BackupAnswer =
  | { readonly outcome: 'copied' }
  | { readonly outcome: 'no-room'; readonly neededBytes: number; readonly freeBytes: number }
  | { readonly outcome: 'failed'; readonly fault: Fault };

/** Pages copied in one step, 1 MiB: behind each one it can be ended. */
const pagesPerStep = 256;

/** Beside a database, the copy of it that is being made. */
export function copyPathOf(path: string): string {
  return `${realpathSync(path)}-backup`;
}

/** Removes a copy and what SQLite may have left beside it. */
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
    // It holds what the tokens' holders may read: for this user alone.
    const descriptor = openSync(copyPath, 'wx', 0o600);
    try {
      const progress = () => {
        if (isEnded()) throw new Error('it was ended');
        if (freeBytesOf(folder) < reserveBytes) throw new NoRoom();
        // All of it at once at the end would keep commits from the disk for as long as that takes.
        fdatasyncSync(descriptor);
      };
      await backup(source, copyPath, { rate: pagesPerStep, progress });
    } finally {
      closeSync(descriptor);
    }
    if (isEnded()) throw new Error('it was ended');
    markAsCopy(copyPath);
    return { outcome: 'copied' } as const;
  } catch (error) {
    removeCopy(copyPath);
    if (!(error instanceof NoRoom) && !foundNoRoom(error)) throw error;
    return { outcome: 'no-room', neededBytes, freeBytes: freeBytesOf(folder) } as const;
  }
}

/** Ends a copy before it takes what the disk is to leave free. */
class NoRoom extends Error {}

/** One file without a write-ahead log beside it, whose logs get new epochs where it is opened. */
function markAsCopy(copyPath: string): void {
  using copy = new DatabaseSync(copyPath);
  copy.exec('PRAGMA journal_mode = DELETE');
  new Query(copy, 'INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)').run(copiedKey, 1);
}
