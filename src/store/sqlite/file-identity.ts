import { randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { newLogId } from '../log-id.ts';
import { errcodeOf } from './calls.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** Key of `meta` that marks a backup. Opening it gives its logs new epochs. */
export const copiedKey = 'copied';

const fileKey = 'file';

/** Key of the start number in both files. The lock file, which is never copied with the database, has the number of the last start. */
const startKey = 'start';
const startBeforeKey = 'start_before';

/** Why a file's logs get new epochs. `backup`: it is marked as a backup. `copy`: it is not the file of the last start. */
export type EpochRenewal = 'backup' | 'copy' | 'asked';

/**
 * Gives every log a new epoch if the file is a copy, because from then on two histories would assign the same positions
 * to different messages. A copy is detected by its mark, by another inode or birth time than at the last start, or, if
 * it overwrote the file, by an older start number. A needless new epoch costs subscribers a replay; a missing one would
 * cost them pokes. Returns the reason, or undefined if the epochs stay.
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
  // If a start was interrupted between its two writes, the lock file still has the number of the previous start.
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
    // Replacements in progress ended with the process that ran them.
    database.exec(`UPDATE logs SET state = ${logState.dead} WHERE state = ${logState.staged}`);
    database.exec(`DELETE FROM meta WHERE key = '${copiedKey}'`);
    set.run(fileKey, identity);
    set.run(startBeforeKey, startOfLock);
    set.run(startKey, number);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    // On a full disk the start number may stay unchanged in both files, if nothing else needs to be written.
    if (renewal !== undefined || isStaged || known !== identity || errcodeOf(error) === undefined) throw error;
    return undefined;
  }
  try {
    lock.exec(`PRAGMA user_version = ${number}`);
  } catch (error) {
    // The lock file then has the previous start's number, which the next start accepts.
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
