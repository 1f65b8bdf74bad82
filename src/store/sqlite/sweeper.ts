import type { DatabaseSync } from 'node:sqlite';
import { busyTimeoutMs } from './open-database.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** Rows deleted in one transaction: some 2 ms on a calm disk. */
const rowsPerSweep = 1_000;

/** Pages given back to the file system at once: 1 MiB, some 2 ms on a calm disk. */
const pagesPerSweep = 256;

/** Time that emptying the write-ahead log waits for readers, in milliseconds. Appends wait too. */
const readersWaitMs = 20;

/** Result of one step of purging. */
export type Purged = 'done' | 'more' | 'busy';

/** Removes what dead logs hold, a little at a time, and then gives free pages back. */
export class Sweeper {
  readonly #database: DatabaseSync;
  readonly #dead;
  readonly #tables;
  readonly #forget;
  readonly #free;
  readonly #pages;
  readonly #checkpoint;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#dead = new Query<readonly [number]>(
      database,
      `SELECT number FROM logs WHERE state = ${logState.dead} LIMIT 1`,
    );
    this.#tables = [
      `DELETE FROM messages WHERE number IN (SELECT number FROM messages WHERE log = ? LIMIT ${rowsPerSweep})`,
      `DELETE FROM streams WHERE number IN (SELECT number FROM streams WHERE log = ? LIMIT ${rowsPerSweep})`,
      `DELETE FROM categories WHERE number IN (SELECT number FROM categories WHERE log = ? LIMIT ${rowsPerSweep})`,
    ].map((sql) => new Query(database, sql));
    this.#forget = new Query(database, 'DELETE FROM logs WHERE number = ?');
    this.#free = new Query<readonly [number]>(database, 'PRAGMA freelist_count');
    this.#checkpoint = new Query<readonly [busy: number]>(database, 'PRAGMA wal_checkpoint(TRUNCATE)');
    this.#pages = new Query<readonly [number]>(database, 'PRAGMA page_count');
  }

  /** Whether there is more. `isUrgent`: the disk is full, so all free pages are given back, and the write-ahead log as well. */
  sweep(isUrgent: boolean): boolean {
    if (this.#sweepDead()) return true;
    const free = this.#free.first()![0];
    // Appends use free pages again, so some are kept.
    const isMuch = free > pagesPerSweep && free * 4 > this.#pages.first()![0];
    if (isMuch || (isUrgent && free > 0)) {
      this.#vacuum();
      return true;
    }
    // A reader that keeps it does so for a moment: it is emptied behind the next group then.
    if (isUrgent) this.#emptyLog();
    return false;
  }

  /**
   * Takes away what may still hold what was erased: dead logs, which may have had it too, pages that are free, in which
   * forgotten messages may be, and the write-ahead log. `more`, or `busy` while a reader holds the log: it is to be called
   * again.
   */
  purge(): Purged {
    if (this.#sweepDead()) return 'more';
    if (this.#free.first()![0] > 0) {
      this.#vacuum();
      return 'more';
    }
    return this.#emptyLog() ? 'done' : 'busy';
  }

  /** Writes the write-ahead log back and gives its room to the disk; false: a reader holds it. */
  #emptyLog(): boolean {
    // A backup reads for seconds, and would hold up all appends for as long as other statements wait.
    this.#database.exec(`PRAGMA busy_timeout = ${readersWaitMs}`);
    try {
      return this.#checkpoint.first()![0] === 0;
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    }
  }

  /** Removes a slice of a dead log; false: there is none. */
  #sweepDead(): boolean {
    const dead = this.#dead.first()?.[0];
    if (dead === undefined) return false;
    if (!this.#tables.some((table) => table.run(dead) > 0)) this.#forget.run(dead);
    return true;
  }

  #vacuum(): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${pagesPerSweep})`);
  }
}
