import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { newLogId } from '../log-id.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** Key of `meta` that a backup has: where it is opened, its logs are others. */
export const copiedKey = 'copied';

const fileKey = 'file';

/**
 * Gives every log a new epoch when the file is a copy: from there on two histories would give the same positions to
 * different messages. A copy is known by its mark, or by another inode or time of birth than at the last start. A needless
 * new epoch costs subscribers a replay, a missing one would cost them pokes. Returns whether it was a copy.
 */
export function renewEpochsOfCopy(database: DatabaseSync, path: string, isNewEpochAsked: boolean): boolean {
  const meta = new Query<readonly [string | number]>(database, 'SELECT value FROM meta WHERE key = ?');
  const set = new Query(database, 'INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
  const { ino, birthtimeMs } = statSync(path);
  const identity = `${ino} ${Math.floor(birthtimeMs)}`;
  const known = meta.first(fileKey)?.[0];
  const isCopy = meta.first(copiedKey) !== undefined || (known !== undefined && known !== identity);
  const renews = isCopy || isNewEpochAsked;
  const isStaged =
    new Query(database, `SELECT 1 FROM logs WHERE state = ${logState.staged} LIMIT 1`).first() !== undefined;
  // Mostly nothing is to be written.
  if (!renews && !isStaged && known === identity) return false;
  database.exec('BEGIN IMMEDIATE');
  if (renews) {
    const logs = new Query<readonly [number]>(database, `SELECT number FROM logs WHERE state = ${logState.live}`);
    const renew = new Query(database, 'UPDATE logs SET epoch = ? WHERE number = ?');
    for (const [number] of logs.all()) renew.run(newLogId(), number);
  }
  // Imports that were to replace a log ended with the process that took them.
  database.exec(`UPDATE logs SET state = ${logState.dead} WHERE state = ${logState.staged}`);
  database.exec(`DELETE FROM meta WHERE key = '${copiedKey}'`);
  set.run(fileKey, identity);
  database.exec('COMMIT');
  return renews;
}
