import type { DatabaseSync } from 'node:sqlite';
import { StreamName } from '../../message/stream-name.ts';
import { Query } from './rows.ts';

/** Names kept; some 200 bytes each. */
const maxKept = 65_536;

/** Names of streams by number. A number never gets another name; the names of a swept log are never asked for again. */
export class StreamNames {
  readonly #kept = new Map<number, StreamName>();
  readonly #find;

  constructor(database: DatabaseSync) {
    this.#find = new Query<readonly [string]>(database, 'SELECT name FROM streams WHERE number = ?');
  }

  of(number: number): StreamName {
    const kept = this.#kept.get(number);
    if (kept !== undefined) return kept;
    const name = new StreamName(this.#find.first(number)![0]);
    if (this.#kept.size >= maxKept) this.#kept.clear();
    this.#kept.set(number, name);
    return name;
  }
}
