import type { DatabaseSync } from 'node:sqlite';
import { type GroupRecord, maxGroupRecords } from '../group-store.ts';
import { Query } from './rows.ts';

type Row = readonly [key: string, revision: number, text: string];

/** Sorts after every continuation of a prefix. */
const last = '\u{10ffff}';

/** Reads records of consumer groups. */
export class GroupReader {
  readonly #one;
  readonly #list;

  constructor(database: DatabaseSync) {
    const rows = 'SELECT key, revision, text FROM group_records';
    this.#one = new Query<Row>(database, `${rows} WHERE key = ?`);
    this.#list = new Query<Row>(database, `${rows} WHERE key >= ? AND key > ? AND key < ? ORDER BY key LIMIT ?`);
  }

  read(keys: readonly string[]): (GroupRecord | undefined)[] {
    return keys.map((key) => {
      const row = this.#one.first(key);
      return row && recordOf(row);
    });
  }

  list(prefix: string, after: string | undefined, limit: number): GroupRecord[] {
    const most = Math.min(limit, maxGroupRecords);
    return this.#list.all(prefix, after ?? '', prefix + last, most).map(recordOf);
  }
}

function recordOf([key, revision, text]: Row): GroupRecord {
  return { key, revision, text };
}
