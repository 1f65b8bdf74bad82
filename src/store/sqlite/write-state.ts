import type { DatabaseSync } from 'node:sqlite';
import { StreamName } from '../../message/stream-name.ts';
import type { LogId } from '../log-id.ts';
import type { Account } from '../shared/byte-budget.ts';
import { logState } from './schema.ts';
import { type CategoryState, type LogState, StateRows, type StreamState } from './state-rows.ts';

/** Maximum number of streams and categories cached between groups. Beyond that the cache is cleared, and filled again as needed. */
const maxKept = 65_536;

/**
 * The writer's cache of logs, streams and categories. A group of writes changes it in memory, and writes each changed
 * row once before the commit. Must be discarded after a rollback.
 */
export class WriteState {
  readonly #logs = new Map<LogId, LogState>();
  readonly #streams = new Map<string, StreamState>();
  readonly #categories = new Map<string, CategoryState>();
  readonly #changedLogs = new Set<LogState>();
  readonly #changedStreams = new Set<StreamState>();
  readonly #changedCategories = new Set<CategoryState>();
  readonly #rows: StateRows;

  constructor(database: DatabaseSync) {
    this.#rows = new StateRows(database);
  }

  /** Loads all logs. `accountOf` returns the account of a namespace. */
  load(accountOf: (namespace: string) => Account): void {
    this.#logs.clear();
    for (const log of this.#rows.logs(accountOf)) this.#logs.set(log.id, log);
    this.forgetStreams();
    this.#changedLogs.clear();
    this.#changedStreams.clear();
    this.#changedCategories.clear();
  }

  get logs(): Iterable<LogState> {
    return this.#logs.values();
  }

  /** The log with this id, unless it is dead. */
  log(id: LogId): LogState | undefined {
    return this.#logs.get(id);
  }

  /** Adds a log that starts after a global position. */
  addLog(id: LogId, namespace: string, account: Account, state: number, behind: number): LogState {
    const log = this.#rows.addLog(id, namespace, account, state, behind);
    this.#logs.set(id, log);
    return log;
  }

  /** Marks the log as dead, so that it is no longer found. Its rows are deleted later. */
  bury(log: LogState): void {
    log.state = logState.dead;
    this.changed(log);
    this.#logs.delete(log.id);
  }

  changed(log: LogState): void {
    this.#changedLogs.add(log);
  }

  /** The stream, or undefined if it never had a message. */
  stream(log: LogState, name: string): StreamState | undefined {
    const key = `${log.number} ${name}`;
    const kept = this.#streams.get(key);
    if (kept !== undefined) return kept;
    const stream = this.#rows.stream(log, name, (category) => this.category(log, category)!);
    if (stream !== undefined) this.#streams.set(key, stream);
    return stream;
  }

  /** Returns the stream for changing, added if necessary. */
  openStream(log: LogState, name: string): StreamState {
    const stream = this.stream(log, name) ?? this.#addStream(log, name);
    this.#changedStreams.add(stream);
    this.#changedCategories.add(stream.category);
    return stream;
  }

  /** The stream with this number, for changing. */
  streamOf(log: LogState, number: number): StreamState {
    return this.openStream(log, this.#rows.streamName(number));
  }

  /** Writes every changed row. Call before the commit. */
  flush(): void {
    for (const log of this.#changedLogs) this.#rows.writeLog(log);
    for (const category of this.#changedCategories) this.#rows.writeCategory(category);
    for (const stream of this.#changedStreams) this.#rows.writeStream(stream);
  }

  /** Call after the commit. */
  committed(): void {
    this.#changedLogs.clear();
    this.#changedStreams.clear();
    this.#changedCategories.clear();
    if (this.#streams.size + this.#categories.size > maxKept) this.forgetStreams();
  }

  /** Clears the cache of streams and categories. */
  forgetStreams(): void {
    this.#streams.clear();
    this.#categories.clear();
  }

  /** The category, or undefined if none of its streams ever had a message. */
  category(log: LogState, name: string): CategoryState | undefined {
    const key = `${log.number} ${name}`;
    const kept = this.#categories.get(key);
    if (kept !== undefined) return kept;
    const category = this.#rows.category(log, name);
    if (category !== undefined) this.#categories.set(key, category);
    return category;
  }

  #addStream(log: LogState, name: string): StreamState {
    const categoryName = new StreamName(name).category;
    const category = this.category(log, categoryName) ?? this.#addCategory(log, categoryName);
    const stream = this.#rows.addStream(log, category, name);
    category.streams++;
    log.streams++;
    this.#streams.set(`${log.number} ${name}`, stream);
    return stream;
  }

  #addCategory(log: LogState, name: string): CategoryState {
    const category = this.#rows.addCategory(log, name);
    this.#categories.set(`${log.number} ${name}`, category);
    return category;
  }
}
