import type { DatabaseSync } from 'node:sqlite';
import { busyTimeoutMs } from './open-database.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** Rows deleted per transaction: some 2 ms on an idle disk. */
const rowsPerSweep = 1_000;

/** Pages released to the file system at a time: 1 MiB, some 2 ms on an idle disk. */
const pagesPerSweep = 256;

/** How long truncating the write-ahead log waits for readers. Appends wait too. */
const readersWaitMs = 20;

/** Result of one step of purging. */
export type Purged = 'done' | 'more' | 'busy';

/** Deletes the rows of dead logs in small steps, then releases free pages. */
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

  /** Runs one step; returns whether there is more. `isUrgent`: the disk is full, so release all free pages and the write-ahead log. */
  sweep(isUrgent: boolean): boolean {
    if (this.#sweepDead()) return true;
    const free = this.#free.first()![0];
    // Keeps some pages, because appends reuse them.
    const isMuch = free > pagesPerSweep && free * 4 > this.#pages.first()![0];
    if (isMuch || (isUrgent && free > 0)) {
      this.#vacuum();
      return true;
    }
    // A reader blocks this only briefly; the next step tries again.
    if (isUrgent) this.#emptyLog();
    return false;
  }

  /**
   * Removes everything that may still contain erased data: dead logs, free pages, and the write-ahead log. Call again
   * on `more`, and on `busy`, which means that a reader holds the write-ahead log.
   */
  purge(): Purged {
    if (this.#sweepDead()) return 'more';
    if (this.#free.first()![0] > 0) {
      this.#vacuum();
      return 'more';
    }
    return this.#emptyLog() ? 'done' : 'busy';
  }

  /** Checkpoints and truncates the write-ahead log; returns false if a reader holds it. */
  #emptyLog(): boolean {
    // A backup reads for seconds, and waiting as long as other statements would delay all appends.
    this.#database.exec(`PRAGMA busy_timeout = ${readersWaitMs}`);
    try {
      return this.#checkpoint.first()![0] === 0;
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    }
  }

  /** Deletes some rows of a dead log; returns false if there is none. */
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
