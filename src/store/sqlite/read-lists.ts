import type { DatabaseSync } from 'node:sqlite';
import type { CategorySummary, StreamSummary } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { maxListEntries } from '../shared/page-limits.ts';
import type { LogFinder } from './read-log.ts';
import { Query } from './rows.ts';

type StreamRow = readonly [name: string, version: number, messages: number, lastMs: number];

type CategoryRow = readonly [name: string, streams: number, messages: number];

const streamColumns = 'SELECT name, version, messages, last_ms FROM streams WHERE log = ?';

/** Lists streams and categories in order of UTF-8 bytes, which is the index order. */
export class ListReader {
  readonly #logs: LogFinder;
  readonly #stream;
  readonly #streamsFrom;
  readonly #streamsBehind;
  readonly #categories;
  readonly #categoriesBehind;

  constructor(database: DatabaseSync, logs: LogFinder) {
    this.#logs = logs;
    this.#stream = new Query<StreamRow>(database, `${streamColumns} AND name = ?`);
    this.#streamsFrom = new Query<StreamRow>(database, `${streamColumns} AND name >= ? ORDER BY name LIMIT ?`);
    this.#streamsBehind = new Query<StreamRow>(
      database,
      `${streamColumns} AND name >= ? AND name > ? ORDER BY name LIMIT ?`,
    );
    const categories = 'SELECT name, streams, messages FROM categories WHERE log = ?';
    this.#categories = new Query<CategoryRow>(database, `${categories} ORDER BY name LIMIT ?`);
    this.#categoriesBehind = new Query<CategoryRow>(database, `${categories} AND name > ? ORDER BY name LIMIT ?`);
  }

  version(id: LogId, name: string): number {
    return this.#stream.first(this.#logs.get(id).number, name)?.[1] ?? -1;
  }

  describeStream(id: LogId, name: string): StreamSummary | undefined {
    const row = this.#stream.first(this.#logs.get(id).number, name);
    return row === undefined ? undefined : summaryOf(row);
  }

  listStreams(id: LogId, prefix: string, after: string | undefined, limit: number): StreamSummary[] {
    const { number } = this.#logs.get(id);
    const most = Math.min(limit, maxListEntries);
    const rows =
      after === undefined
        ? this.#streamsFrom.all(number, prefix, most)
        : this.#streamsBehind.all(number, prefix, after, most);
    const end = rows.findIndex(([name]) => !name.startsWith(prefix));
    return (end === -1 ? rows : rows.slice(0, end)).map(summaryOf);
  }

  listCategories(id: LogId, after: string | undefined, limit: number): CategorySummary[] {
    const { number } = this.#logs.get(id);
    const most = Math.min(limit, maxListEntries);
    const rows =
      after === undefined ? this.#categories.all(number, most) : this.#categoriesBehind.all(number, after, most);
    return rows.map(([category, streamCount, messageCount]) => ({ category, streamCount, messageCount }));
  }
}

function summaryOf([stream, version, messageCount, lastActivityMs]: StreamRow): StreamSummary {
  return { stream, version, messageCount, lastActivityMs };
}
