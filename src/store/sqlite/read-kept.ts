import type { DatabaseSync } from 'node:sqlite';
import type { LogId } from '../log-id.ts';
import type { RetentionRule } from '../retention.ts';
import { type Amount, OldestFirst } from '../shared/retention-rules.ts';
import { bytesOfRow } from './message-bytes.ts';
import type { LogFinder } from './read-log.ts';
import { Query } from './rows.ts';

/** Maximum number of messages counted in one call: some 10 ms. */
const countedPerCall = 8_192;

type Row = readonly [global: number, timeMs: number, bytes: number];

/** Where to continue counting, and the remaining messages and bytes there. */
export type Counting = { readonly after: number; readonly left: Amount };

/** Result of one call; `next`: undefined once everything is counted. */
export type Counted = {
  readonly amount: Amount;
  readonly oldestMs: number | undefined;
  readonly left: Amount;
  readonly next: Counting | undefined;
};

/** Counts the messages that retention rules cover, and those that they would delete. */
export class KeptReader {
  readonly #logs: LogFinder;
  readonly #ofLog;
  readonly #ofCategory;
  readonly #amountOfLog;
  readonly #amountOfCategory;

  constructor(database: DatabaseSync, logs: LogFinder) {
    this.#logs = logs;
    const rows = `SELECT global, time_ms, ${bytesOfRow} FROM messages`;
    this.#ofLog = new Query<Row>(database, `${rows} WHERE log = ? AND global > ? ORDER BY global LIMIT ?`);
    this.#ofCategory = new Query<Row>(database, `${rows} WHERE category = ? AND global > ? ORDER BY global LIMIT ?`);
    const amounts = (table: string, bytes: string) =>
      new Query<readonly [number, number]>(database, `SELECT messages, ${bytes} FROM ${table} WHERE number = ?`);
    this.#amountOfLog = amounts('logs', 'message_bytes');
    this.#amountOfCategory = amounts('categories', 'bytes');
  }

  kept(id: LogId, { category, limits }: RetentionRule, nowMs: number, counting: Counting | undefined): Counted {
    const log = this.#logs.get(id).number;
    const number = category === undefined ? log : this.#logs.category(log, category);
    const none = { messages: 0, bytes: 0 };
    if (number === undefined) return { amount: none, oldestMs: undefined, left: none, next: undefined };
    const [messages, bytes] = (category === undefined ? this.#amountOfLog : this.#amountOfCategory).first(number)!;
    const amount = { messages, bytes };
    const query = category === undefined ? this.#ofLog : this.#ofCategory;
    const oldest = new OldestFirst(limits, counting?.left ?? amount, nowMs);
    const rows = query.all(number, counting?.after ?? 0, countedPerCall);
    const isWhole = !rows.every(([, timeMs, size]) => oldest.takes(timeMs, size)) || rows.length < countedPerCall;
    const { left } = oldest;
    const next = isWhole ? undefined : { after: rows.at(-1)![0], left };
    return { amount, oldestMs: rows[0]?.[1], left, next };
  }
}
