import type { DatabaseSync } from 'node:sqlite';
import { StreamName } from '../../message/stream-name.ts';
import { Query } from './rows.ts';

/** Names kept; some 250 bytes each. */
const maxKept = 65_536;

/** A stream, and where its name stands in the page that is packed. */
export type KnownStream = {
  readonly number: number;
  readonly name: StreamName;
  /** The last page that has its name, and the index of it there. */
  page: number;
  index: number;
};

/** Names of streams by number. A number never gets another name; the names of a swept log are never asked for again. */
export class StreamNames {
  /** By number modulo its length, the stream asked for last: a page looks up each of its pokes (`npm run load -- durable-size`). */
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

  /** The number of a new page to pack names into. */
  beginPage(): number {
    return ++this.#pages;
  }
}
