import type { Message } from '../../message/message.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { ImportOutcome, StoreFull } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { Forgotten, RetentionLimits } from '../retention.ts';
import { type Account, ByteBudget, type ByteCosts } from '../shared/byte-budget.ts';
import { newMessagesOf, type Repeats } from '../shared/import-batch.ts';
import { ForgettingTurns } from '../shared/retention-rules.ts';
import type { RowText } from '../shared/row-text.ts';
import type { StoreLimits } from '../store.ts';
import { importTargetOf } from './import-target.ts';
import { forgetFrom, forgetOldest, slice } from './memory-forgetting.ts';
import { MemoryGroups } from './memory-groups.ts';
import { MemoryLog } from './memory-log.ts';
import { MemoryNamespaces } from './memory-namespaces.ts';
import { rowBytes } from './message-table.ts';

/**
 * Measured sizes. Names count twice per UTF-16 unit, since two indexes hold them.
 * `test/integration/store-bytes.test.ts` compares these constants with real memory.
 */
const costs: ByteCosts = { message: rowBytes, stream: 512, namespace: 4_096, token: 704, unit: 2 };

/** Bytes per category, without its name. */
const categoryBytes = 320;

/** Extra bytes for a log's first message: the first chunk of the table and the first text heap. */
const firstMessageBytes = 24_576;

/** How many messages a full store deletes at a time until there is room. */
const forgottenAtOnce = 64;

/** Everything in memory. Several stores can be opened on it, like nodes over one database. */
export class MemoryStorage {
  readonly logs = new Map<LogId, MemoryLog>();
  readonly budget: ByteBudget;
  readonly namespaces: MemoryNamespaces;
  readonly groups = new MemoryGroups();
  /** Limits for namespaces without a rule for their whole log. */
  readonly retention: RetentionLimits;
  readonly #turns: ForgettingTurns;

  /** No limits by default. */
  constructor({
    maxBytes = 0,
    maxBytesPerNamespace = 0,
    maxNamespaces = Number.POSITIVE_INFINITY,
    retention = {},
  }: Partial<StoreLimits> = {}) {
    this.budget = new ByteBudget({ maxBytes, maxBytesPerNamespace }, costs);
    this.retention = retention;
    this.namespaces = new MemoryNamespaces(this, maxNamespaces);
    this.#turns = new ForgettingTurns({
      namespaces: () => this.namespaces.all(),
      initial: retention,
      slice,
      forget: ({ log }, rule, most, now) => forgetFrom(this.budget, this.logs.get(log)!, rule, most, now),
    });
  }

  /** Creates a log that starts after a global position, as if retention had deleted everything up to there. */
  openLog(account: Account, behind: number): MemoryLog {
    const log = new MemoryLog(account);
    log.raiseHead(behind);
    log.behind = behind;
    this.logs.set(log.id, log);
    return log;
  }

  /** Discards a log and wakes its followers, whose next read rejects. */
  discard(log: MemoryLog): void {
    if (log.isGone) return;
    log.isGone = true;
    this.logs.delete(log.id);
    this.budget.release(log);
    for (const announced of log.followers) announced('wake-up');
  }

  /** Counts messages, and any new streams and categories, to the log; returns the limit that was reached if there is no room. */
  take(log: MemoryLog, messages: readonly RowText[], newStreams: readonly string[]): StoreFull | undefined {
    let otherBytes = log.streamCount === 0 && messages.length > 0 ? firstMessageBytes : 0;
    if (newStreams.length > 0) {
      const categories = new Set(newStreams.map((stream) => new StreamName(stream).category));
      for (const category of categories) {
        if (log.category(category) === undefined) otherBytes += categoryBytes + category.length * costs.unit;
      }
    }
    return this.budget.take(log, messages, newStreams, otherBytes);
  }

  /** Like {@link take}, but a full log with a retention rule for the whole log deletes its oldest messages instead of refusing. */
  takeOrForget(log: MemoryLog, messages: readonly RowText[], newStreams: readonly string[]): StoreFull | undefined {
    for (;;) {
      const full = this.take(log, messages, newStreams);
      if (full === undefined || !log.account.forgetsWhenFull || log.table.length === 0) return full;
      forgetOldest(this.budget, log, forgottenAtOnce);
    }
  }

  /** Runs one slice of retention. */
  forget(nowMs: number): Forgotten {
    return this.#turns.forget(nowMs);
  }

  /** Inserts messages that have positions: all that are not in the log yet, or none. See `repeatsOf`. */
  insert(log: MemoryLog, messages: readonly Message[], repeats: Repeats): ImportOutcome {
    if (log.isGone) return { outcome: 'gone' };
    const added = newMessagesOf(importTargetOf(log), messages, repeats);
    if ('outcome' in added) return added;
    const streams = new Set(added.map(({ stream }) => stream).filter((name) => log.stream(name) === undefined));
    const full = this.take(log, added, [...streams]);
    if (full !== undefined) return full;
    log.insert(added);
    return { outcome: 'imported', known: messages.length - added.length };
  }
}
