import type { DatabaseSync } from 'node:sqlite';
import type { Message, NewMessage } from '../../message/message.ts';
import type { AppendOutcome, ImportOutcome, StoreFull } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { ByteBudget } from '../shared/byte-budget.ts';
import { type ImportTarget, newMessagesOf } from '../shared/import-batch.ts';
import { compareNow, judgeIds } from '../shared/known-ids.ts';
import { type MessageRow, messageColumns, messageOfRow, storedId } from './message-row.ts';
import { Query } from './rows.ts';
import type { LogState, StreamState } from './state-rows.ts';
import { StreamPlaces } from './stream-places.ts';
import type { ForgettingWriter } from './write-forgetting.ts';
import type { WriteState } from './write-state.ts';

/** Appends and imports within the transaction of their group. */
export class MessageWriter {
  readonly #state: WriteState;
  readonly #budget: ByteBudget;
  readonly #forgetting: ForgettingWriter;
  readonly #places: StreamPlaces;
  readonly #insert;
  readonly #byId;
  readonly #atGlobal;
  readonly #atPosition;
  readonly #nameOf;

  constructor(database: DatabaseSync, state: WriteState, budget: ByteBudget, forgetting: ForgettingWriter) {
    this.#forgetting = forgetting;
    this.#state = state;
    this.#budget = budget;
    this.#places = new StreamPlaces(database);
    this.#insert = new Query(
      database,
      `INSERT INTO messages(log, global, stream, category, position, id, time_ms, time_nanos, type, data, metadata)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#byId = new Query<MessageRow>(
      database,
      `SELECT ${messageColumns} FROM messages m WHERE m.log = ? AND m.id = ?`,
    );
    this.#nameOf = new Query<readonly [string]>(database, 'SELECT name FROM streams WHERE number = ?');
    this.#atGlobal = new Query<readonly [number]>(database, 'SELECT 1 FROM messages WHERE log = ? AND global = ?');
    this.#atPosition = new Query<readonly [number]>(
      database,
      'SELECT 1 FROM messages WHERE stream = ? AND position = ?',
    );
  }

  append(
    id: LogId,
    streamName: string,
    messages: readonly NewMessage[],
    expected: number | undefined,
    nowMs: number,
  ): AppendOutcome {
    const log = this.#state.log(id);
    if (log === undefined) return { outcome: 'gone' };
    const known = judgeIds(streamName, messages, (messageId) => this.#messageOf(log, messageId), compareNow);
    if (known !== undefined) return known;
    const found = this.#state.stream(log, streamName);
    const actual = found?.version ?? -1;
    if (expected !== undefined && expected !== actual) return { outcome: 'version-conflict', expected, actual };
    const full = this.#takeOrForget(log, messages, found === undefined ? [streamName] : []);
    if (full !== undefined) return full;
    const stream = this.#state.openStream(log, streamName);
    // The wall clock may step back, but times within a namespace never decrease.
    const timeMs = Math.max(nowMs, log.lastMs ?? nowMs);
    for (const message of messages) {
      log.head++;
      stream.version++;
      this.#store(log, stream, message, { globalPosition: log.head, position: stream.version, timeMs, timeNanos: 0 });
    }
    stream.lastMs = timeMs;
    log.lastMs = timeMs;
    return { outcome: 'appended', position: stream.version, globalPosition: log.head };
  }

  /** Inserts messages that have positions: all that are not in the log yet, or none. */
  importInto(log: LogState, messages: readonly Message[]): ImportOutcome {
    const added = newMessagesOf(this.#target(log), messages);
    if ('outcome' in added) return added;
    const streams = new Set(added.map(({ stream }) => stream).filter((name) => !this.#state.stream(log, name)));
    const full = this.#budget.take(log, added, streams);
    if (full !== undefined) return full;
    if (added.some(({ globalPosition }) => globalPosition <= log.head)) log.importsBelowHead++;
    for (const message of added) {
      const stream = this.#state.openStream(log, message.stream);
      log.oldestMs = undefined;
      stream.category.oldestMs = undefined;
      this.#store(log, stream, message, message);
      if (message.position > stream.version) {
        stream.version = message.position;
        stream.lastMs = message.timeMs;
      }
      if (message.globalPosition >= log.head) log.lastMs = message.timeMs;
      log.head = Math.max(log.head, message.globalPosition);
    }
    return { outcome: 'imported', known: messages.length - added.length };
  }

  #store(
    log: LogState,
    stream: StreamState,
    { id, type, data, metadata }: Pick<Message, 'id' | 'type' | 'data' | 'metadata'>,
    {
      globalPosition,
      position,
      timeMs,
      timeNanos,
    }: Pick<Message, 'globalPosition' | 'position' | 'timeMs' | 'timeNanos'>,
  ): void {
    const { number, category } = stream;
    const bytes = this.#budget.messageBytes([{ id, type, data, metadata }]);
    const stored = storedId(id);
    this.#insert.run(
      log.number,
      globalPosition,
      number,
      category.number,
      position,
      stored,
      timeMs,
      timeNanos,
      type,
      data,
      metadata,
    );
    log.messages++;
    log.messageBytes += bytes;
    stream.messages++;
    category.messages++;
    category.bytes += bytes;
    this.#state.changed(log);
  }

  /** Counts messages. A full log with a retention rule for the whole log deletes its oldest ones instead of refusing. */
  #takeOrForget(log: LogState, messages: readonly NewMessage[], newStreams: readonly string[]): StoreFull | undefined {
    for (;;) {
      const full = this.#budget.take(log, messages, newStreams);
      // Deleting frees pages within the file, not space on the disk.
      if (full === undefined || full.limit === 'disk' || !log.account.forgetsWhenFull || log.messages === 0)
        return full;
      this.#forgetting.forgetOldest(log);
    }
  }

  #target(log: LogState): ImportTarget {
    return {
      messageOf: (id) => this.#messageOf(log, id),
      hasGlobalPosition: (global) => global <= log.head && this.#atGlobal.first(log.number, global) !== undefined,
      hasPosition: (name, position) => {
        const stream = this.#state.stream(log, name);
        return stream !== undefined && this.#atPosition.first(stream.number, position) !== undefined;
      },
      neighbours: (name, global) => {
        const stream = this.#state.stream(log, name);
        if (stream === undefined) return [undefined, undefined];
        const behind = this.#places.firstFrom(stream.number, global);
        const before = this.#places.lastBefore(stream.number, behind ?? Number.MAX_SAFE_INTEGER);
        return [before, behind];
      },
    };
  }

  #messageOf(log: LogState, id: string): Message | undefined {
    const row = this.#byId.first(log.number, storedId(id));
    return row === undefined ? undefined : messageOfRow(row, (number) => this.#nameOf.first(number)![0]);
  }
}
