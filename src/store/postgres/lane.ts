import { setTimeout as delay } from 'node:timers/promises';
import { PokewireError } from '../../errors.ts';
import type { AppendOutcome } from '../log.ts';
import type { Respelled } from '../shared/known-ids.ts';
import { asksForIds, type Found, isUnconditional, judgeGroup, type PendingAppend } from './append-judge.ts';
import type { Connection } from './connection.ts';
import { type AppendFault, appendFaultOf, storeFault } from './database-errors.ts';
import { categoryCount, LaneQueue, type Waiting } from './lane-queue.ts';
import {
  begin,
  insertion,
  insertMessages,
  isInsertable,
  readById,
  readVersions,
  takeLocks,
} from './lane-statements.ts';
import type { Row } from './lost-end.ts';
import { compact, type MessageRow, messageOfRow } from './message-row.ts';

/**
 * An append is retried for this long, across broken connections and conflicts. The deadline is checked between
 * attempts, so the answer may take one attempt longer: 15 s in total while no connection can be opened, and 45 s with one
 * server in the URL if every step of the last attempt times out (5 s to connect, 10 s each to check the database, to
 * read and to insert).
 */
const deadlineMs = 10_000;
const retryMs = 50;

/**
 * Appends over one connection, one transaction at a time. Each transaction takes all waiting appends: Message DB locks
 * a category until the commit is on disk, so single appends would wait for each other. It takes the same locks as
 * `write_message`, so positions stay gapless even if services call that at the same time.
 */
export class Lane {
  readonly #connection: Connection;
  readonly #appended: (rows: readonly Row[]) => void;
  readonly #queue = new LaneQueue();
  #isRunning = false;
  #isClosed = false;
  /** Committed transactions. */
  groups = 0;

  /** `appended` is called after each commit with the messages in order. */
  constructor(connection: Connection, appended: (rows: readonly Row[]) => void) {
    this.#connection = connection;
    this.#appended = appended;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  append({ stream, messages, expectedVersion }: Pick<PendingAppend, 'stream' | 'messages' | 'expectedVersion'>) {
    if (!messages.every(isInsertable)) return Promise.reject(payloadRefusal(new Error('they contain U+001E')));
    let units = 0;
    for (const { data, metadata } of messages) units += data.length + (metadata?.length ?? 0);
    const { promise, resolve, reject } = Promise.withResolvers<AppendOutcome>();
    this.#queue.push({
      stream,
      messages,
      expectedVersion,
      units,
      isUnsure: false,
      resolve,
      reject,
      deadlineMs: performance.now() + deadlineMs,
      company: 'any',
      conflicts: 0,
    });
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#queue.takeAll()) reject(storeFault(new Error('the store is closed')));
    await this.#connection.close();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Allows appends of the same turn of the event loop to join the group.
    await Promise.resolve();
    for (let group = this.#next(); group.length > 0; group = this.#next()) {
      try {
        await this.#commit(group);
      } catch (error) {
        await this.#recover(group, error);
      }
    }
    this.#isRunning = false;
  }

  #next(): Waiting[] {
    for (const { reject } of this.#queue.takeExpired(performance.now())) {
      reject(storeFault(new Error(`an append waited ${deadlineMs / 1_000} s for those before it`)));
    }
    return this.#queue.takeGroup();
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    // Unconditional appends do not depend on the log's content, so one round trip is enough.
    if (group.every(isUnconditional)) {
      const [, , rows] = await Promise.all([...this.#begin(group), this.#insert(group)]);
      return this.#answer(group, rows);
    }
    const judged = judgeGroup(group, await this.#look(group));
    if (judged.inserts.length > 0) this.#answer(judged.inserts, await this.#insert(judged.inserts));
    else await this.#connection.query('ROLLBACK');
    for (const [append, outcome] of judged.answers) append.resolve(outcome);
    this.#queue.giveBack(judged.later as Waiting[]);
    for (const [append, { respelled, known }] of judged.compares) {
      await this.#compare(respelled, known).then(append.resolve, (error) => append.reject(storeFault(error)));
    }
  }

  /** Announces inserted messages and answers their appends. */
  #answer(appends: readonly PendingAppend[], rows: readonly Row[]): void {
    this.#appended(rows);
    let last = -1;
    for (const { messages, resolve } of appends) {
      last += messages.length;
      const [globalPosition, , position] = rows[last]!;
      resolve({ outcome: 'appended', position, globalPosition });
    }
  }

  /** Compares payloads that are spelled differently with the stored ones, as `jsonb`. */
  async #compare(respelled: readonly Respelled[], known: AppendOutcome): Promise<AppendOutcome> {
    for (const { id, stored, given } of respelled) {
      const other = { outcome: 'duplicate-id', id } as const;
      if (stored === null || given === null) return other;
      try {
        const { rows } = await this.#connection.query<readonly [string]>('SELECT $1::jsonb::text', [given]);
        if (compact(rows[0]![0]) !== stored) return other;
      } catch (error) {
        // A payload that cannot be stored differs from the stored one.
        if (appendFaultOf(error) === 'payload') return other;
        throw error;
      }
    }
    return known;
  }

  /** Begins the transaction and takes the locks. Await it together with the next statement: the first to fail is the cause. */
  #begin(group: readonly Waiting[]) {
    return [this.#connection.query(begin), this.#connection.query(takeLocks, [streamsOf(group)])] as const;
  }

  /** Begins the transaction, takes the locks, and reads the state of streams and ids. */
  async #look(group: readonly Waiting[]): Promise<Found> {
    const ids = group.filter(asksForIds).flatMap(({ messages }) => messages.map(({ id }) => id));
    const [, , versions, known] = await Promise.all([
      ...this.#begin(group),
      this.#connection.query<readonly [string, number | null]>(readVersions, [streamsOf(group)]),
      ids.length === 0 ? undefined : this.#connection.query<MessageRow>(readById, [ids]),
    ]);
    return {
      versions: new Map(versions.rows.map(([stream, version]) => [stream, version ?? -1])),
      byId: new Map(known?.rows.map((row) => [row[0], messageOfRow(row)])),
    };
  }

  /** Inserts, commits, and resolves to the rows of the messages in order. */
  async #insert(appends: readonly PendingAppend[]): Promise<readonly Row[]> {
    for (const append of appends) append.isUnsure = true;
    const { values, streamOf } = insertion(appends);
    const [inserted, committed] = await Promise.all([
      this.#connection.query<readonly [number, number]>(insertMessages, values),
      this.#connection.query('COMMIT'),
    ]);
    if (committed.command !== 'COMMIT') throw new Error(`the transaction ended in ${committed.command}`);
    this.groups++;
    return inserted.rows.map(([globalPosition, position], at) => [globalPosition, streamOf[at]!, position]);
  }

  /** After a group failed: requeues the appends that may still succeed, and answers the others. */
  async #recover(group: readonly Waiting[], error: unknown): Promise<void> {
    const fault = appendFaultOf(error);
    if (fault === 'connection') {
      this.#connection.drop();
      await delay(retryMs);
    } else {
      // The server refused the transaction, so nothing of the group was stored.
      await this.#connection.query('ROLLBACK').catch(() => {});
    }
    const again: Waiting[] = [];
    const isShared = { append: group.length > 1, lock: categoryCount(group) > 1 };
    for (const append of group) {
      if (this.#mayTryAgain(append, fault, isShared)) again.push(append);
      else if (fault === 'payload') append.reject(payloadRefusal(error));
      else if (fault === 'disk') append.resolve({ outcome: 'full', limit: 'disk', bytes: undefined, maxBytes: 0 });
      else append.reject(storeFault(error));
    }
    this.#queue.giveBack(again);
    // Gives the other transaction time to finish.
    if (fault === 'conflict') await delay(Math.random() * Math.min(retryMs, 2 ** group[0]!.conflicts));
  }

  #mayTryAgain(append: Waiting, fault: AppendFault, isShared: { append: boolean; lock: boolean }): boolean {
    if (this.#isClosed || performance.now() >= append.deadlineMs) return false;
    switch (fault) {
      case 'connection':
        return true;
      case 'conflict':
        append.company = 'category';
        append.conflicts++;
        return true;
      case 'busy':
        append.company = 'category';
        return isShared.lock;
      case 'payload':
      case 'other':
        append.company = 'none';
        return isShared.append;
      case 'disk':
        return false;
    }
  }
}

function streamsOf(appends: readonly PendingAppend[]): string[] {
  return [...new Set(appends.map(({ stream }) => stream))];
}

function payloadRefusal(cause: unknown): Error {
  const { message } = cause as Error;
  return new PokewireError('INVALID_REQUEST', `data and metadata must be JSON that PostgreSQL can store: ${message}`, {
    details: { field: 'data' },
    cause,
  });
}
