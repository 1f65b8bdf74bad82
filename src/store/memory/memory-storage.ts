import type { Message } from '../../message/message.ts';
import type { ImportOutcome } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { type Account, ByteBudget, type ByteCosts } from '../shared/byte-budget.ts';
import { newMessagesOf } from '../shared/import-batch.ts';
import type { StoreLimits } from '../store.ts';
import { MemoryLog } from './memory-log.ts';
import { MemoryNamespaces } from './memory-namespaces.ts';
import { rowBytes } from './message-table.ts';

/** A name stands in the indexes as twice a UTF-16 unit. */
const costs: ByteCosts = { message: rowBytes, stream: 512, namespace: 4_096, token: 512, unit: 2 };

/** What is in memory: every store opened on it sees the same, as the nodes over one database do. */
export class MemoryStorage {
  readonly logs = new Map<LogId, MemoryLog>();
  readonly budget: ByteBudget;
  readonly namespaces: MemoryNamespaces;

  /** Without limits unless they are given. */
  constructor({
    maxBytes = 0,
    maxBytesPerNamespace = 0,
    maxNamespaces = Number.POSITIVE_INFINITY,
  }: Partial<StoreLimits> = {}) {
    this.budget = new ByteBudget({ maxBytes, maxBytesPerNamespace }, costs);
    this.namespaces = new MemoryNamespaces(this, maxNamespaces);
  }

  /** Makes a log that begins behind a global position, as if the messages up to there had been forgotten. */
  openLog(account: Account, behind: number): MemoryLog {
    const log = new MemoryLog(account);
    log.raiseHead(behind);
    log.forgottenUpTo = behind;
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

  /** Puts messages that have positions into the log, all that it does not have yet or none. */
  insert(log: MemoryLog, messages: readonly Message[]): ImportOutcome {
    if (log.isGone) return { outcome: 'gone' };
    const added = newMessagesOf(log, messages);
    if ('outcome' in added) return added;
    const streams = new Set(added.map(({ stream }) => stream).filter((name) => log.stream(name) === undefined));
    const full = this.budget.take(log, added, streams);
    if (full !== undefined) return full;
    log.insert(added);
    return { outcome: 'imported', known: messages.length - added.length };
  }
}
