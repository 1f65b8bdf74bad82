import type { DatabaseSync } from 'node:sqlite';
import type { Selection } from '../../message/selection.ts';
import type { LogBounds } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { logGone } from '../shared/log-gone.ts';
import type { LogSummary } from '../store.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';

/** The part of a live log that reads use. */
export type ReadLog = {
  readonly number: number;
  /** Covers deletions by retention rules for the whole log. */
  readonly bounds: LogBounds;
  /** Positions up to here belonged to an earlier log. */
  readonly behind: number;
};

/** Looks up logs, streams and categories for reads. */
export class LogFinder {
  readonly #log;
  readonly #summary;
  readonly #forgottenOfStream;
  readonly #forgottenOfCategory;
  readonly #stream;
  readonly #category;

  constructor(database: DatabaseSync) {
    this.#log = new Query<readonly [number, number, number, number, number]>(
      database,
      `SELECT number, head, behind, forgotten, imports_below FROM logs WHERE epoch = ? AND state = ${logState.live}`,
    );
    this.#summary = new Query<readonly [number, number, number | null]>(
      database,
      `SELECT messages, streams, last_ms FROM logs WHERE epoch = ? AND state = ${logState.live}`,
    );
    const forgotten = (table: string) =>
      new Query<readonly [number]>(database, `SELECT forgotten FROM ${table} WHERE log = ? AND name = ?`);
    this.#forgottenOfStream = forgotten('streams');
    this.#forgottenOfCategory = forgotten('categories');
    this.#stream = new Query<readonly [number]>(database, 'SELECT number FROM streams WHERE log = ? AND name = ?');
    this.#category = new Query<readonly [number]>(database, 'SELECT number FROM categories WHERE log = ? AND name = ?');
  }

  /** Returns the log; throws `LOG_GONE`. */
  get(id: LogId): ReadLog {
    const row = this.#log.first(id);
    if (row === undefined) throw logGone();
    const [number, head, behind, forgotten, importsBelowHead] = row;
    const forgottenUpTo = Math.max(behind, forgotten);
    return { number, behind, bounds: { epoch: id, head, forgottenUpTo, importsBelowHead } };
  }

  /** Bounds with the deleted range of a selection. */
  boundsOf({ number, behind, bounds }: ReadLog, { all, streams, categories }: Selection): LogBounds {
    if (all || bounds.forgottenUpTo === behind) return bounds;
    const forgotten = [
      ...streams.map((name) => this.#forgottenOfStream.first(number, name)),
      ...categories.map((name) => this.#forgottenOfCategory.first(number, name)),
    ];
    return { ...bounds, forgottenUpTo: Math.max(behind, ...forgotten.map((row) => row?.[0] ?? 0)) };
  }

  stream(log: number, name: string): number | undefined {
    return this.#stream.first(log, name)?.[0];
  }

  category(log: number, name: string): number | undefined {
    return this.#category.first(log, name)?.[0];
  }

  summarize(ids: readonly LogId[]): Map<LogId, LogSummary> {
    const found = new Map<LogId, LogSummary>();
    for (const id of ids) {
      const row = this.#summary.first(id);
      if (row === undefined) continue;
      const [messages, streams, lastMs] = row;
      found.set(id, { messages, streams, lastActivityMs: lastMs ?? undefined });
    }
    return found;
  }
}
