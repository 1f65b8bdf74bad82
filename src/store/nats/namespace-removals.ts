import type { LogId } from '../log-id.ts';
import type { LogStreams } from './log-streams.ts';
import type { EntryRecord, NamespaceEntries, Removed } from './namespace-entries.ts';
import type { NatsGroups } from './nats-groups.ts';
import type { RecordBucket } from './record-bucket.ts';

type RemovalParts = {
  readonly bucket: RecordBucket;
  readonly entries: NamespaceEntries;
  readonly logs: LogStreams;
  readonly groups: NatsGroups;
};

/**
 * Deletes the data of removed namespaces. Any node completes a removal that another one began, and each step may be
 * repeated.
 */
export class NamespaceRemovals {
  readonly #bucket: RecordBucket;
  readonly #entries: NamespaceEntries;
  readonly #logs: LogStreams;
  readonly #groups: NatsGroups;

  constructor({ bucket, entries, logs, groups }: RemovalParts) {
    this.#bucket = bucket;
    this.#entries = entries;
    this.#logs = logs;
    this.#groups = groups;
  }

  /** Deletes the groups and the log of a removed namespace and stores its head; resolves to its number of messages. */
  async finish({ key, revision, value }: EntryRecord): Promise<number> {
    if (!('removed' in value)) return 0;
    const { log, reached, uid } = value.removed;
    if (uid !== undefined) await this.#groups.removeAll(uid);
    const stream = this.#logs.stream(log);
    // Sealed first, so that nothing is appended between reading the head and deleting.
    const state = await stream.seal();
    if (reached === null) {
      const removed: Removed = { log, reached: state?.last_seq ?? 0 };
      await this.#bucket.change([{ key, revision, value: { removed }, isDeleted: true }]);
    }
    await stream.delete();
    return state?.messages ?? 0;
  }

  /** Completes removals that another node started before it ended. */
  async finishAll(): Promise<void> {
    for (const entry of await this.#entries.all()) if (isUnfinished(entry)) await this.finish(entry);
  }

  /** First sequence number of an id's new log; one number after those of its former log stays unused. */
  async firstOf(found: EntryRecord | undefined): Promise<number> {
    if (found === undefined || !('removed' in found.value)) return 1;
    if (found.value.removed.reached === null) await this.finish(found);
    const { value } = (await this.#entries.find(found.key))!;
    const reached = 'removed' in value ? value.removed.reached : null;
    return reached === null || reached === 0 ? 1 : reached + 2;
  }

  /** The logs of all namespaces, and those whose removal has not recorded the head. */
  async ownedLogs(): Promise<ReadonlySet<LogId>> {
    const logs = new Set<LogId>();
    for (const entry of await this.#entries.all()) {
      const { value } = entry;
      if ('namespace' in value) logs.add(value.namespace.log);
      else if (isUnfinished(entry)) logs.add(value.removed.log);
    }
    return logs;
  }
}

/** Whether a node has removed the namespace but not its log. */
function isUnfinished({ value }: EntryRecord): boolean {
  return 'removed' in value && value.removed.reached === null;
}
