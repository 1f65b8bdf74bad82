import type { DatabaseSync } from 'node:sqlite';
import { StreamName } from '../../message/stream-name.ts';
import { Query } from './rows.ts';

/** Number of cached names; some 250 bytes each. */
const maxKept = 65_536;

/** A stream and its index among the names of the page being packed. */
export type KnownStream = {
  readonly number: number;
  readonly name: StreamName;
  /** The last page that contains its name, and the name's index there. */
  page: number;
  index: number;
};

/** Cached stream names by number. Safe because numbers are never reused, and streams of dead logs are never looked up. */
export class StreamNames {
  /** The stream looked up last, by number modulo the length. A page looks up each of its pokes (`npm run load -- durable-size`). */
  readonly #kept: (KnownStream | undefined)[] = new Array(maxKept).fill(undefined);
  readonly #find;
  #pages = 0;

  constructor(database: DatabaseSync) {
    this.#find = new Query<readonly [string]>(database, 'SELECT name FROM streams WHERE number = ?');
  }

  of(number: number): StreamName {
    return this.known(number).name;
  }

  known(number: number): KnownStream {
    const place = number % maxKept;
    const kept = this.#kept[place];
    if (kept?.number === number) return kept;
    const known = { number, name: new StreamName(this.#find.first(number)![0]), page: 0, index: 0 };
    this.#kept[place] = known;
    return known;
  }

  /** Starts a new page of packed names and returns its number. */
  beginPage(): number {
    return ++this.#pages;
  }
}
