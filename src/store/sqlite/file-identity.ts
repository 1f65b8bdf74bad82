import { randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { newLogId } from '../log-id.ts';
import { errcodeOf } from './calls.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** Key of `meta` that a backup has: where it is opened, its logs are others. */
export const copiedKey = 'copied';

const fileKey = 'file';

/** Numbers of this start and of the one before it. The lock file, which stays where it is, has the number of the last start. */
const startKey = 'start';
const startBeforeKey = 'start_before';

/** Why a file's logs get new epochs. `backup`: it was made as one. `copy`: it is another file than at the last start. */
export type EpochRenewal = 'backup' | 'copy' | 'asked';

/**
 * Gives every log a new epoch when the file is a copy: from there on two histories would give the same positions to
 * different messages. A copy is known by its mark, by another inode or time of birth than at the last start, or, where it
 * was written over the file, by the number of an older start. A needless new epoch costs subscribers a replay, a missing one
 * would cost them pokes. Returns why it did; undefined: it did not.
 */
export function renewEpochsOfCopy(
  database: DatabaseSync,
  lock: DatabaseSync,
  path: string,
  isNewEpochAsked: boolean,
): EpochRenewal | undefined {
  const meta = new Query<readonly [string | number]>(database, 'SELECT value FROM meta WHERE key = ?');
  const set = new Query(database, 'INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
  const { ino, birthtimeMs } = statSync(path);
  const identity = `${ino} ${Math.floor(birthtimeMs)}`;
  const known = meta.first(fileKey)?.[0];
  const start = meta.first(startKey)?.[0];
  const startOfLock = startNumber(lock);
  const isOtherFile = known !== undefined && known !== identity;
  // If a start ended between its two writes, the lock file still has the number of the previous start.
  const isOlder =
    startOfLock !== 0 &&
    start !== undefined &&
    start !== startOfLock &&
    meta.first(startBeforeKey)?.[0] !== startOfLock;
  const renewal = reasonOf({
    backup: meta.first(copiedKey) !== undefined,
    copy: isOtherFile || isOlder,
    asked: isNewEpochAsked,
  });
  const isStaged =
    new Query(database, `SELECT 1 FROM logs WHERE state = ${logState.staged} LIMIT 1`).first() !== undefined;
  const number = randomInt(1, 2 ** 31);
  database.exec('BEGIN IMMEDIATE');
  try {
    if (renewal !== undefined) {
      const logs = new Query<readonly [number]>(database, `SELECT number FROM logs WHERE state = ${logState.live}`);
      const renew = new Query(database, 'UPDATE logs SET epoch = ? WHERE number = ?');
      for (const [log] of logs.all()) renew.run(newLogId(), log);
    }
    // Imports that were to replace a log ended with the process that took them.
    database.exec(`UPDATE logs SET state = ${logState.dead} WHERE state = ${logState.staged}`);
    database.exec(`DELETE FROM meta WHERE key = '${copiedKey}'`);
    set.run(fileKey, identity);
    set.run(startBeforeKey, startOfLock);
    set.run(startKey, number);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    // A full disk: the number of the start alone can stay as it is, in both files.
    if (renewal !== undefined || isStaged || known !== identity || errcodeOf(error) === undefined) throw error;
    return undefined;
  }
  try {
    lock.exec(`PRAGMA user_version = ${number}`);
  } catch (error) {
    // It has the number of the start before then, which the next start knows.
    if (errcodeOf(error) === undefined) throw error;
  }
  return renewal;
}

function reasonOf(reasons: Readonly<Record<EpochRenewal, boolean>>): EpochRenewal | undefined {
  return (['backup', 'copy', 'asked'] as const).find((reason) => reasons[reason]);
}

function startNumber(lock: DatabaseSync): number {
  return new Query<readonly [number]>(lock, 'PRAGMA user_version').first()![0];
}
