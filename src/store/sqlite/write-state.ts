import type { DatabaseSync } from 'node:sqlite';
import { StreamName } from '../../message/stream-name.ts';
import type { LogId } from '../log-id.ts';
import type { Account } from '../shared/byte-budget.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** A row of `logs` as the writer changes it. */
export type LogState = {
  readonly number: number;
  readonly id: LogId;
  readonly namespace: string;
  readonly account: Account;
  state: number;
  head: number;
  forgottenUpTo: number;
  importsBelowHead: number;
  messages: number;
  streams: number;
  bytes: number;
  lastMs: number | null;
};

/** A row of `categories` as the writer changes it. */
export type CategoryState = {
  readonly number: number;
  readonly log: number;
  readonly name: string;
  streams: number;
  messages: number;
};

/** A row of `streams` as the writer changes it. */
export type StreamState = {
  readonly number: number;
  readonly log: number;
  readonly category: CategoryState;
  readonly name: string;
  /** Position of the last message that it has or had; -1: it never had one. */
  version: number;
  messages: number;
  lastMs: number;
};

/** Streams and categories kept between groups; beyond it all of them are read again as they are needed. */
const maxKept = 65_536;

type LogRow = readonly [number, string, number, string, number, number, number, number, number, number, number | null];

/**
 * What the writer knows of logs, streams and categories. A group of writes changes it in memory and writes each changed row
 * once, before its commit. After a rollback it must be dropped.
 */
export class WriteState {
  readonly #logs = new Map<LogId, LogState>();
  readonly #streams = new Map<string, StreamState>();
  readonly #categories = new Map<string, CategoryState>();
  readonly #changedLogs = new Set<LogState>();
  readonly #changedStreams = new Set<StreamState>();
  readonly #changedCategories = new Set<CategoryState>();
  readonly #findLogs;
  readonly #findStream;
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
      `SELECT number, epoch, state, namespace, head, forgotten, imports_below, messages, streams, bytes, last_ms
       FROM logs WHERE state <> ${logState.dead}`,
    );
    this.#findStream = new Query<readonly [number, string, number, number, number]>(
      database,
      `SELECT s.number, c.name, s.version, s.messages, s.last_ms
       FROM streams s JOIN categories c ON c.number = s.category WHERE s.log = ? AND s.name = ?`,
    );
    this.#findCategory = new Query<readonly [number, number, number]>(
      database,
      'SELECT number, streams, messages FROM categories WHERE log = ? AND name = ?',
    );
    this.#insertLog = new Query<readonly [number]>(
      database,
      `INSERT INTO logs(epoch, state, namespace, head, forgotten, imports_below, messages, streams, bytes)
       VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0) RETURNING number`,
    );
    this.#updateLog = new Query(
      database,
      `UPDATE logs SET state = ?, head = ?, forgotten = ?, imports_below = ?, messages = ?, streams = ?, bytes = ?,
       last_ms = ? WHERE number = ?`,
    );
    this.#insertStream = new Query<readonly [number]>(
      database,
      'INSERT INTO streams(log, category, name, version, messages, last_ms) VALUES (?, ?, ?, -1, 0, 0) RETURNING number',
    );
    this.#updateStream = new Query(
      database,
      'UPDATE streams SET version = ?, messages = ?, last_ms = ? WHERE number = ?',
    );
    this.#insertCategory = new Query<readonly [number]>(
      database,
      'INSERT INTO categories(log, name, streams, messages) VALUES (?, ?, 0, 0) RETURNING number',
    );
    this.#updateCategory = new Query(database, 'UPDATE categories SET streams = ?, messages = ? WHERE number = ?');
  }

  /** Reads all logs. Each namespace has one account, which the function gives. */
  load(accountOf: (namespace: string) => Account): void {
    this.#logs.clear();
    for (const [
      number,
      epoch,
      state,
      namespace,
      head,
      forgotten,
      below,
      messages,
      streams,
      bytes,
      lastMs,
    ] of this.#findLogs.all()) {
      this.#logs.set(epoch as LogId, {
        number,
        id: epoch as LogId,
        namespace,
        account: accountOf(namespace),
        state,
        head,
        forgottenUpTo: forgotten,
        importsBelowHead: below,
        messages,
        streams,
        bytes,
        lastMs,
      });
    }
    this.forgetStreams();
    this.#changedLogs.clear();
    this.#changedStreams.clear();
    this.#changedCategories.clear();
  }

  get logs(): Iterable<LogState> {
    return this.#logs.values();
  }

  /** The log of this id that is not dead. */
  log(id: LogId): LogState | undefined {
    return this.#logs.get(id);
  }

  /** A new log that begins behind a global position. */
  addLog(id: LogId, namespace: string, account: Account, state: number, behind: number): LogState {
    const [number] = this.#insertLog.first(id, state, namespace, behind, behind)!;
    const log: LogState = {
      number,
      id,
      namespace,
      account,
      state,
      head: behind,
      forgottenUpTo: behind,
      importsBelowHead: 0,
      messages: 0,
      streams: 0,
      bytes: 0,
      lastMs: null,
    };
    this.#logs.set(id, log);
    return log;
  }

  /** Marks the log as dead: nobody finds it any more, and its rows are swept later. */
  bury(log: LogState): void {
    log.state = logState.dead;
    this.changed(log);
    this.#logs.delete(log.id);
  }

  changed(log: LogState): void {
    this.#changedLogs.add(log);
  }

  /** The stream, undefined when it never had a message. */
  stream(log: LogState, name: string): StreamState | undefined {
    const key = `${log.number} ${name}`;
    const kept = this.#streams.get(key);
    if (kept !== undefined) return kept;
    const row = this.#findStream.first(log.number, name);
    if (row === undefined) return undefined;
    const [number, categoryName, version, messages, lastMs] = row;
    const category = this.#category(log, categoryName)!;
    const stream = { number, log: log.number, category, name, version, messages, lastMs };
    this.#streams.set(key, stream);
    return stream;
  }

  /** The stream, which is added unless it is there, to be changed. */
  openStream(log: LogState, name: string): StreamState {
    const stream = this.stream(log, name) ?? this.#addStream(log, name);
    this.#changedStreams.add(stream);
    this.#changedCategories.add(stream.category);
    return stream;
  }

  /** Writes every changed row; to be called before the commit. */
  flush(): void {
    for (const { number, state, head, forgottenUpTo, importsBelowHead, messages, streams, bytes, lastMs } of this
      .#changedLogs) {
      this.#updateLog.run(state, head, forgottenUpTo, importsBelowHead, messages, streams, bytes, lastMs, number);
    }
    for (const { number, streams, messages } of this.#changedCategories) {
      this.#updateCategory.run(streams, messages, number);
    }
    for (const { number, version, messages, lastMs } of this.#changedStreams) {
      this.#updateStream.run(version, messages, lastMs, number);
    }
  }

  /** After the commit. */
  committed(): void {
    this.#changedLogs.clear();
    this.#changedStreams.clear();
    this.#changedCategories.clear();
    if (this.#streams.size + this.#categories.size > maxKept) this.forgetStreams();
  }

  /** Reads streams and categories again as they are needed. */
  forgetStreams(): void {
    this.#streams.clear();
    this.#categories.clear();
  }

  #addStream(log: LogState, name: string): StreamState {
    const categoryName = new StreamName(name).category;
    const category = this.#category(log, categoryName) ?? this.#addCategory(log, categoryName);
    const [number] = this.#insertStream.first(log.number, category.number, name)!;
    const stream: StreamState = { number, log: log.number, category, name, version: -1, messages: 0, lastMs: 0 };
    category.streams++;
    log.streams++;
    this.#streams.set(`${log.number} ${name}`, stream);
    return stream;
  }

  #category(log: LogState, name: string): CategoryState | undefined {
    const key = `${log.number} ${name}`;
    const kept = this.#categories.get(key);
    if (kept !== undefined) return kept;
    const row = this.#findCategory.first(log.number, name);
    if (row === undefined) return undefined;
    const [number, streams, messages] = row;
    const category = { number, log: log.number, name, streams, messages };
    this.#categories.set(key, category);
    return category;
  }

  #addCategory(log: LogState, name: string): CategoryState {
    const [number] = this.#insertCategory.first(log.number, name)!;
    const category: CategoryState = { number, log: log.number, name, streams: 0, messages: 0 };
    this.#categories.set(`${log.number} ${name}`, category);
    return category;
  }
}
