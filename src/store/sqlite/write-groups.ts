import type { DatabaseSync } from 'node:sqlite';
import type { GroupChange } from '../group-store.ts';
import { Query } from './rows.ts';

/** Changes records of consumer groups within the transaction of their group of calls. */
export class GroupWriter {
  readonly #insert;
  readonly #replace;
  readonly #remove;
  readonly #removeAll;
  readonly #written;
  readonly #noteWritten;

  constructor(database: DatabaseSync) {
    this.#insert = new Query(database, 'INSERT OR IGNORE INTO group_records(key, revision, text) VALUES (?, ?, ?)');
    this.#replace = new Query(
      database,
      'UPDATE group_records SET revision = ?, text = ? WHERE key = ? AND revision = ?',
    );
    this.#remove = new Query(database, 'DELETE FROM group_records WHERE key = ? AND revision = ?');
    this.#removeAll = new Query(database, 'DELETE FROM group_records WHERE key >= ? AND key < ?');
    this.#written = new Query<readonly [number]>(database, "SELECT value FROM meta WHERE key = 'group_revision'");
    this.#noteWritten = new Query(database, "INSERT OR REPLACE INTO meta(key, value) VALUES ('group_revision', ?)");
  }

  /** The result of each change: its new, unique revision, or undefined if it lost against another change. */
  write(changes: readonly GroupChange[]): (number | undefined)[] {
    let written = this.#written.first()?.[0] ?? 0;
    const outcomes = changes.map((change) => (this.#change(change, written + 1) ? ++written : undefined));
    if (outcomes.some((outcome) => outcome !== undefined)) this.#noteWritten.run(written);
    return outcomes;
  }

  /** Removes the records of a namespace. */
  removeAll(uid: string): void {
    // `0` is the character after the slash.
    this.#removeAll.run(`${uid}/`, `${uid}0`);
  }

  #change({ key, revision, text }: GroupChange, next: number): boolean {
    if (text === undefined) return this.#remove.run(key, revision) > 0;
    if (revision === 0) return this.#insert.run(key, next, text) > 0;
    return this.#replace.run(next, text, key, revision) > 0;
  }
}
