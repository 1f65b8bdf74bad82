import type { DatabaseSync } from 'node:sqlite';
import type { Message } from '../../message/message.ts';
import type { LogFilter, MessagePage, StreamStart } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { correlationOf } from '../shared/correlation.ts';
import { maxPageBytes, maxPageMessages } from '../shared/page-limits.ts';
import { type MessageRow, messageColumns, messageOfRow } from './message-row.ts';
import type { LogFinder } from './read-log.ts';
import { Query } from './rows.ts';
import type { StreamNames } from './stream-names.ts';
import { StreamPlaces } from './stream-places.ts';

/** Maximum number of rows examined in one call, so that a filter with few matches does not delay others. */
const maxRowsLookedAt = 8_192;

/** Maximum number of rows fetched at once. Rows beyond the page's byte limit are discarded, so fewer are fetched if they are long. */
const rowsPerFetch = 128;
const rowsOfFirstFetch = 8;

type Place = readonly [number: number, global: number, stream: number];

/** Result of one backward search: the message, or the position to continue below; neither if no message matches. */
export type LastFound = { readonly message?: Message; readonly before?: number };

/** Reads messages with their payloads. Each call examines a bounded number of rows. */
export class MessageReader {
  readonly #logs: LogFinder;
  readonly #names: StreamNames;
  readonly #places: StreamPlaces;
  readonly #ofStream;
  readonly #typesOfStream;
  readonly #ofLog;
  readonly #ofCategory;
  readonly #placesOfLog;
  readonly #placesOfCategory;
  readonly #message;

  constructor(database: DatabaseSync, logs: LogFinder, names: StreamNames) {
    this.#logs = logs;
    this.#names = names;
    this.#places = new StreamPlaces(database);
    const all = `SELECT ${messageColumns} FROM messages m`;
    this.#ofStream = new Query<MessageRow>(
      database,
      `${all} WHERE m.stream = ? AND m.position >= ? ORDER BY m.position LIMIT ?`,
    );
    this.#typesOfStream = new Query<readonly [number: number, position: number, type: string]>(
      database,
      'SELECT number, position, type FROM messages WHERE stream = ? AND position < ? ORDER BY position DESC LIMIT ?',
    );
    this.#ofLog = new Query<MessageRow>(database, `${all} WHERE m.log = ? AND m.global >= ? ORDER BY m.global LIMIT ?`);
    this.#ofCategory = new Query<MessageRow>(
      database,
      `${all} WHERE m.category = ? AND m.global >= ? ORDER BY m.global LIMIT ?`,
    );
    this.#placesOfLog = new Query<Place>(
      database,
      'SELECT number, global, stream FROM messages WHERE log = ? AND global >= ? ORDER BY global LIMIT ?',
    );
    this.#placesOfCategory = new Query<Place>(
      database,
      'SELECT number, global, stream FROM messages WHERE category = ? AND global >= ? ORDER BY global LIMIT ?',
    );
    this.#message = new Query<MessageRow>(database, `${all} WHERE m.number = ?`);
  }

  readStream(id: LogId, name: string, from: StreamStart, limit: number): MessagePage {
    const log = this.#logs.get(id);
    const stream = this.#logs.stream(log.number, name);
    const byPosition = 'position' in from;
    const start =
      stream === undefined
        ? undefined
        : byPosition
          ? from.position
          : this.#places.firstFrom(stream, from.globalPosition);
    if (stream === undefined || start === undefined) return { messages: [], epoch: id, next: null };
    const page = new PageBuilder(id, limit, (row) => (byPosition ? row[2] : row[3]));
    return page.fill(
      start,
      (next, count) => this.#ofStream.all(stream, next, count),
      (row) => row[2],
      this.#toMessage,
    );
  }

  /** Searches below a position for the stream's last message, or its last message of a type. */
  readLast(id: LogId, name: string, type: string | undefined, before: number): LastFound {
    const log = this.#logs.get(id);
    const stream = this.#logs.stream(log.number, name);
    if (stream === undefined) return {};
    const rows = this.#typesOfStream.all(stream, before, type === undefined ? 1 : rowsPerFetch);
    const found = rows.find((row) => type === undefined || row[2] === type);
    if (found !== undefined) return { message: this.#toMessage(this.#message.first(found[0])!) };
    const last = rows.at(-1);
    return last === undefined ? {} : { before: last[1] };
  }

  read(id: LogId, filter: LogFilter, from: number, limit: number): MessagePage {
    const log = this.#logs.get(id);
    const { category, group, correlation } = filter;
    const number = category === undefined ? log.number : this.#logs.category(log.number, category);
    if (number === undefined) return { messages: [], epoch: id, next: null };
    if (group === undefined && correlation === undefined) {
      const page = new PageBuilder(id, limit, (row) => row[3]);
      const rows = category === undefined ? this.#ofLog : this.#ofCategory;
      return page.fill(
        from,
        (next, count) => rows.all(number, next, count),
        (row) => row[3],
        this.#toMessage,
      );
    }
    return this.#filtered(id, filter, from, limit, (next, count) =>
      (category === undefined ? this.#placesOfLog : this.#placesOfCategory).all(number, next, count),
    );
  }

  /** Examines positions from the index first, and reads only the messages that belong to the member. */
  #filtered(
    id: LogId,
    { group, correlation }: LogFilter,
    from: number,
    limit: number,
    fetch: (next: number, count: number) => readonly Place[],
  ): MessagePage {
    const page = new PageBuilder(id, limit, (row) => row[3]);
    let parsedBytes = 0;
    let next = from;
    for (let looked = 0; looked < maxRowsLookedAt; ) {
      const places = fetch(next, rowsPerFetch);
      for (const [number, global, stream] of places) {
        looked++;
        next = global + 1;
        if (group !== undefined && !this.#names.of(stream).ownedBy(group)) continue;
        const row = this.#message.first(number)!;
        if (correlation !== undefined) {
          // Filtering by correlation parses metadata, which may be long.
          parsedBytes += bytesOf(row);
          if (correlationOf(row[5]) !== correlation) {
            if (parsedBytes > maxPageBytes) return page.end(next);
            continue;
          }
        }
        if (!page.add(row, this.#toMessage)) return page.end(global);
      }
      if (places.length < rowsPerFetch) return page.end(null);
    }
    return page.end(next);
  }

  readonly #toMessage = (row: MessageRow): Message => messageOfRow(row, (stream) => this.#names.of(stream).text);
}

/** Collects messages until the page is full by count or by bytes. */
class PageBuilder {
  readonly #messages: Message[] = [];
  readonly #epoch: LogId;
  readonly #limit: number;
  readonly #startOf: (row: MessageRow) => number;
  #bytes = 0;

  /** `startOf`: where a read that starts with this row begins. */
  constructor(epoch: LogId, limit: number, startOf: (row: MessageRow) => number) {
    this.#epoch = epoch;
    this.#limit = Math.min(limit, maxPageMessages);
    this.#startOf = startOf;
  }

  /** Adds the row; returns false if the page is full. */
  add(row: MessageRow, toMessage: (row: MessageRow) => Message): boolean {
    const bytes = bytesOf(row);
    const tooLarge = this.#bytes + bytes > maxPageBytes && this.#messages.length > 0;
    if (tooLarge || this.#messages.length >= this.#limit) return false;
    this.#bytes += bytes;
    this.#messages.push(toMessage(row));
    return true;
  }

  /** Fetches rows until the page is full or none are left. */
  fill(
    from: number,
    fetch: (next: number, count: number) => readonly MessageRow[],
    keyOf: (row: MessageRow) => number,
    toMessage: (row: MessageRow) => Message,
  ): MessagePage {
    for (let next = from; ; ) {
      const count = this.#rowsWorthFetching();
      const rows = fetch(next, count);
      for (const row of rows) {
        if (!this.add(row, toMessage)) return this.end(this.#startOf(row));
        next = keyOf(row) + 1;
      }
      if (rows.length < count) return this.end(null);
    }
  }

  /** The number of rows likely to fill the page, judged by those it has, plus one that shows whether there are more. */
  #rowsWorthFetching(): number {
    const count = this.#messages.length;
    if (count === 0) return Math.min(rowsOfFirstFetch, this.#limit + 1);
    const byBytes = Math.ceil((maxPageBytes - this.#bytes) / Math.max(1, this.#bytes / count));
    return Math.max(1, Math.min(rowsPerFetch, byBytes + 1, this.#limit - count + 1));
  }

  end(next: number | null): MessagePage {
    return { messages: this.#messages, epoch: this.#epoch, next };
  }
}

/** Bytes of data and metadata. */
function bytesOf(row: MessageRow): number {
  return Buffer.byteLength(row[4]) + (row[5] === null ? 0 : Buffer.byteLength(row[5]));
}
