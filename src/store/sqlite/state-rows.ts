import type { DatabaseSync } from 'node:sqlite';
import type { LogId } from '../log-id.ts';
import type { Account } from '../shared/byte-budget.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** A row of `logs` that the writer changes. */
export type LogState = {
  readonly number: number;
  readonly id: LogId;
  readonly namespace: string;
  readonly account: Account;
  state: number;
  head: number;
  /** Positions up to here belonged to an earlier log. */
  behind: number;
  forgottenUpTo: number;
  importsBelowHead: number;
  messages: number;
  streams: number;
  bytes: number;
  /** The part of the log's bytes for messages, without streams. */
  messageBytes: number;
  lastMs: number | null;
  /** Time of its oldest message, if known. Not stored. */
  oldestMs: number | undefined;
};

/** A row of `categories` that the writer changes. */
export type CategoryState = {
  readonly number: number;
  readonly log: number;
  readonly name: string;
  streams: number;
  messages: number;
  /** Bytes counted for its messages. */
  bytes: number;
  forgottenUpTo: number;
  /** Time of its oldest message, if known. Not stored. */
  oldestMs: number | undefined;
};

/** A row of `streams` that the writer changes. */
export type StreamState = {
  readonly number: number;
  readonly log: number;
  readonly category: CategoryState;
  readonly name: string;
  /** Position of the stream's last message, including deleted ones; -1 if it never had one. */
  version: number;
  messages: number;
  lastMs: number;
  forgottenUpTo: number;
};

type LogRow = readonly [
  number: number,
  epoch: string,
  state: number,
  namespace: string,
  head: number,
  behind: number,
  forgotten: number,
  below: number,
  messages: number,
  streams: number,
  bytes: number,
  messageBytes: number,
  lastMs: number | null,
];

type StreamRow = readonly [
  number: number,
  name: string,
  category: string,
  version: number,
  messages: number,
  lastMs: number,
  forgotten: number,
];

/** Reads and writes rows of `logs`, `categories` and `streams`. Keeps no state. */
export class StateRows {
  readonly #findLogs;
  readonly #findStream;
  readonly #streamOf;
  readonly #findCategory;
  readonly #insertLog;
  readonly #updateLog;
  readonly #insertStream;
  readonly #updateStream;
  readonly #insertCategory;
  readonly #updateCategory;

  constructor(database: DatabaseSync) {
    this.#findLogs = new Query<LogRow>(
      database,
      `SELECT number, epoch, state, namespace, head, behind, forgotten, imports_below, messages, streams, bytes,
         message_bytes, last_ms
       FROM logs WHERE state <> ${logState.dead}`,
    );
    const streams = `SELECT s.number, s.name, c.name, s.version, s.messages, s.last_ms, s.forgotten
       FROM streams s JOIN categories c ON c.number = s.category`;
    this.#findStream = new Query<StreamRow>(database, `${streams} WHERE s.log = ? AND s.name = ?`);
    this.#streamOf = new Query<readonly [string]>(database, 'SELECT name FROM streams WHERE number = ?');
    this.#findCategory = new Query<readonly [number, number, number, number, number]>(
      database,
      'SELECT number, streams, messages, bytes, forgotten FROM categories WHERE log = ? AND name = ?',
    );
    this.#insertLog = new Query<readonly [number]>(
      database,
      `INSERT INTO logs(epoch, state, namespace, head, behind, forgotten, imports_below, messages, streams, bytes,
         message_bytes)
       VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0) RETURNING number`,
    );
    this.#updateLog = new Query(
      database,
      `UPDATE logs SET state = ?, head = ?, behind = ?, forgotten = ?, imports_below = ?, messages = ?, streams = ?,
         bytes = ?, message_bytes = ?, last_ms = ? WHERE number = ?`,
    );
    this.#insertStream = new Query<readonly [number]>(
      database,
      `INSERT INTO streams(log, category, name, version, messages, last_ms, forgotten) VALUES (?, ?, ?, -1, 0, 0, 0)
       RETURNING number`,
    );
    this.#updateStream = new Query(
      database,
      'UPDATE streams SET version = ?, messages = ?, last_ms = ?, forgotten = ? WHERE number = ?',
    );
    this.#insertCategory = new Query<readonly [number]>(
      database,
      'INSERT INTO categories(log, name, streams, messages, bytes, forgotten) VALUES (?, ?, 0, 0, 0, 0) RETURNING number',
    );
    this.#updateCategory = new Query(
      database,
      'UPDATE categories SET streams = ?, messages = ?, bytes = ?, forgotten = ? WHERE number = ?',
    );
  }

  /** All logs except those in the state `dead`. `accountOf` returns the account of a namespace. */
  *logs(accountOf: (namespace: string) => Account): Iterable<LogState> {
    for (const [
      number,
      epoch,
      state,
      namespace,
      head,
      behind,
      forgottenUpTo,
      importsBelowHead,
      messages,
      streams,
      bytes,
      messageBytes,
      lastMs,
    ] of this.#findLogs.all()) {
      yield {
        number,
        id: epoch as LogId,
        namespace,
        account: accountOf(namespace),
        state,
        head,
        behind,
        forgottenUpTo,
        importsBelowHead,
        messages,
        streams,
        bytes,
        messageBytes,
        lastMs,
        oldestMs: undefined,
      };
    }
  }

  /** The stream, or undefined if it has no row. `categoryOf` returns its category. */
  stream(log: LogState, name: string, categoryOf: (name: string) => CategoryState): StreamState | undefined {
    const row = this.#findStream.first(log.number, name);
    if (row === undefined) return undefined;
    const [number, _name, categoryName, version, messages, lastMs, forgottenUpTo] = row;
    const category = categoryOf(categoryName);
    return { number, log: log.number, category, name, version, messages, lastMs, forgottenUpTo };
  }

  /** Name of a stream by number. */
  streamName(number: number): string {
    return this.#streamOf.first(number)![0];
  }

  category(log: LogState, name: string): CategoryState | undefined {
    const row = this.#findCategory.first(log.number, name);
    if (row === undefined) return undefined;
    const [number, streams, messages, bytes, forgottenUpTo] = row;
    return { ...emptyCategory(number, log, name), streams, messages, bytes, forgottenUpTo };
  }

  /** Adds a log that starts after a global position. */
  addLog(id: LogId, namespace: string, account: Account, state: number, behind: number): LogState {
    const [number] = this.#insertLog.first(id, state, namespace, behind, behind)!;
    return {
      number,
      id,
      namespace,
      account,
      state,
      head: behind,
      behind,
      forgottenUpTo: 0,
      importsBelowHead: 0,
      messages: 0,
      streams: 0,
      bytes: 0,
      messageBytes: 0,
      lastMs: null,
      oldestMs: undefined,
    };
  }

  /** Adds a stream that never had a message. */
  addStream(log: LogState, category: CategoryState, name: string): StreamState {
    const [number] = this.#insertStream.first(log.number, category.number, name)!;
    return { number, log: log.number, category, name, version: -1, messages: 0, lastMs: 0, forgottenUpTo: 0 };
  }

  /** Adds a category without streams. */
  addCategory(log: LogState, name: string): CategoryState {
    const [number] = this.#insertCategory.first(log.number, name)!;
    return emptyCategory(number, log, name);
  }

  writeLog(log: LogState): void {
    this.#updateLog.run(
      log.state,
      log.head,
      log.behind,
      log.forgottenUpTo,
      log.importsBelowHead,
      log.messages,
      log.streams,
      log.bytes,
      log.messageBytes,
      log.lastMs,
      log.number,
    );
  }

  writeCategory({ number, streams, messages, bytes, forgottenUpTo }: CategoryState): void {
    this.#updateCategory.run(streams, messages, bytes, forgottenUpTo, number);
  }

  writeStream({ number, version, messages, lastMs, forgottenUpTo }: StreamState): void {
    this.#updateStream.run(version, messages, lastMs, forgottenUpTo, number);
  }
}

function emptyCategory(number: number, log: LogState, name: string): CategoryState {
  return { number, log: log.number, name, streams: 0, messages: 0, bytes: 0, forgottenUpTo: 0, oldestMs: undefined };
}
