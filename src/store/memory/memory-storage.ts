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
import { forgetFrom, forgetOldest, slice } from './memory-forgetting.ts';
import { MemoryGroups } from './memory-groups.ts';
import { MemoryLog } from './memory-log.ts';
import { MemoryNamespaces } from './memory-namespaces.ts';
import { rowBytes } from './message-table.ts';

/**
 * A name stands in the indexes as twice a UTF-16 unit. `test/integration/store-bytes.test.ts` compares these and those below
 * with the memory that is really taken.
 */
const costs: ByteCosts = { message: rowBytes, stream: 512, namespace: 4_096, token: 704, unit: 2 };

/** Bytes a category costs beside its name. */
const categoryBytes = 320;

/** Bytes that the first message of a log costs more than others: the first chunk of the table and the first heap of text. */
const firstMessageBytes = 24_576;

/** Messages that a full store forgets at a time until there is room. */
const forgottenAtOnce = 64;

/** What is in memory: every store opened on it sees the same, as the nodes over one database do. */
export class MemoryStorage {
  readonly logs = new Map<LogId, MemoryLog>();
  readonly budget: ByteBudget;
  readonly namespaces: MemoryNamespaces;
  readonly groups = new MemoryGroups();
  /** Of namespaces without a rule for their whole log. */
  readonly retention: RetentionLimits;
  readonly #turns: ForgettingTurns;

  /** Without limits unless they are given. */
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

  /** Makes a log that begins behind a global position, as if the messages up to there had been forgotten. */
  openLog(account: Account, behind: number): MemoryLog {
    const log = new MemoryLog(account);
    log.raiseHead(behind);
    log.behind = behind;
    this.logs.set(log.id, log);
    return log;
  }

  /** Forgets a log and wakes its followers, whose next read rejects. */
  discard(log: MemoryLog): void {
    if (log.isGone) return;
    log.isGone = true;
    this.logs.delete(log.id);
    this.budget.release(log);
    for (const announced of log.followers) announced('wake-up');
  }

  /** Counts messages to the log, and streams and categories that are new with them; if there is no room, says so. */
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

  /** The same, but a log with a rule for all of it forgets its oldest messages where there is no room. */
  takeOrForget(log: MemoryLog, messages: readonly RowText[], newStreams: readonly string[]): StoreFull | undefined {
    for (;;) {
      const full = this.take(log, messages, newStreams);
      if (full === undefined || !log.account.forgetsWhenFull || log.table.length === 0) return full;
      forgetOldest(this.budget, log, forgottenAtOnce);
    }
  }

  /** Forgets a slice of what rules no longer keep. */
  forget(nowMs: number): Forgotten {
    return this.#turns.forget(nowMs);
  }

  /** Puts messages that have positions into the log, all that it does not have yet or none; see `repeatsOf`. */
  insert(log: MemoryLog, messages: readonly Message[], repeats: Repeats): ImportOutcome {
    if (log.isGone) return { outcome: 'gone' };
    const added = newMessagesOf(log, messages, repeats);
    if ('outcome' in added) return added;
    const streams = new Set(added.map(({ stream }) => stream).filter((name) => log.stream(name) === undefined));
    const full = this.take(log, added, [...streams]);
    if (full !== undefined) return full;
    log.insert(added);
    return { outcome: 'imported', known: messages.length - added.length };
  }
}
