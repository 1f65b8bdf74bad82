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
  /** Positions up to here were those of an earlier log. */
  behind: number;
  forgottenUpTo: number;
  importsBelowHead: number;
  messages: number;
  streams: number;
  bytes: number;
  /** Of these, its messages without streams. */
  messageBytes: number;
  lastMs: number | null;
  /** Time of its oldest message as far as that is known; not written. */
  oldestMs: number | undefined;
};

/** A row of `categories` as the writer changes it. */
export type CategoryState = {
  readonly number: number;
  readonly log: number;
  readonly name: string;
  streams: number;
  messages: number;
  /** What its messages count. */
  bytes: number;
  forgottenUpTo: number;
  /** Time of its oldest message as far as that is known; not written. */
  oldestMs: number | undefined;
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
  forgottenUpTo: number;
};

/** Streams and categories kept between groups; beyond it all of them are read again as they are needed. */
const maxKept = 65_536;

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

  /** Reads all logs. Each namespace has one account, which the function gives. */
  load(accountOf: (namespace: string) => Account): void {
    this.#logs.clear();
    for (const [
      number,
      epoch,
      state,
      namespace,
      head,
      behind,
      forgotten,
      below,
      messages,
      streams,
      bytes,
      messageBytes,
      lastMs,
    ] of this.#findLogs.all()) {
      this.#logs.set(epoch as LogId, {
        number,
        id: epoch as LogId,
        namespace,
        account: accountOf(namespace),
        state,
        head,
        behind,
        forgottenUpTo: forgotten,
        importsBelowHead: below,
        messages,
        streams,
        bytes,
        messageBytes,
        lastMs,
        oldestMs: undefined,
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
    const [number, _name, categoryName, version, messages, lastMs, forgottenUpTo] = row;
    const category = this.category(log, categoryName)!;
    const stream = { number, log: log.number, category, name, version, messages, lastMs, forgottenUpTo };
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

  /** The stream with a number, to be changed. */
  streamOf(log: LogState, number: number): StreamState {
    return this.openStream(log, this.#streamOf.first(number)![0]);
  }

  /** Writes every changed row; to be called before the commit. */
  flush(): void {
    for (const log of this.#changedLogs) {
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
    for (const { number, streams, messages, bytes, forgottenUpTo } of this.#changedCategories) {
      this.#updateCategory.run(streams, messages, bytes, forgottenUpTo, number);
    }
    for (const { number, version, messages, lastMs, forgottenUpTo } of this.#changedStreams) {
      this.#updateStream.run(version, messages, lastMs, forgottenUpTo, number);
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
    const category = this.category(log, categoryName) ?? this.#addCategory(log, categoryName);
    const [number] = this.#insertStream.first(log.number, category.number, name)!;
    const stream: StreamState = {
      number,
      log: log.number,
      category,
      name,
      version: -1,
      messages: 0,
      lastMs: 0,
      forgottenUpTo: 0,
    };
    category.streams++;
    log.streams++;
    this.#streams.set(`${log.number} ${name}`, stream);
    return stream;
  }

  /** The category, undefined when no stream of it ever had a message. */
  category(log: LogState, name: string): CategoryState | undefined {
    const key = `${log.number} ${name}`;
    const kept = this.#categories.get(key);
    if (kept !== undefined) return kept;
    const row = this.#findCategory.first(log.number, name);
    if (row === undefined) return undefined;
    const [number, streams, messages, bytes, forgottenUpTo] = row;
    const category: CategoryState = {
      number,
      log: log.number,
      name,
      streams,
      messages,
      bytes,
      forgottenUpTo,
      oldestMs: undefined,
    };
    this.#categories.set(key, category);
    return category;
  }

  #addCategory(log: LogState, name: string): CategoryState {
    const [number] = this.#insertCategory.first(log.number, name)!;
    const category: CategoryState = {
      number,
      log: log.number,
      name,
      streams: 0,
      messages: 0,
      bytes: 0,
      forgottenUpTo: 0,
      oldestMs: undefined,
    };
    this.#categories.set(`${log.number} ${name}`, category);
    return category;
  }
}
