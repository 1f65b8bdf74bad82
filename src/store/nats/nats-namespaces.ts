import { setTimeout as delay } from 'node:timers/promises';
import { PokewireError } from '../../errors.ts';
import { refuseUnsupported } from '../capabilities.ts';
import { type LogId, newLogId } from '../log-id.ts';
import type {
  CreateOutcome,
  Namespace,
  NamespaceChanges,
  NamespaceStore,
  NewNamespace,
  TokenRecord,
} from '../namespace-store.ts';
import type { RetentionOutcome } from '../retention.ts';
import { maxListEntries } from '../shared/page-limits.ts';
import { sameTokens } from '../shared/same-tokens.ts';
import type { Store } from '../store.ts';
import type { ChangeNews } from './change-news.ts';
import { deleteLeftStreams, type LeftStreams } from './left-streams.ts';
import { LogOwners } from './log-owners.ts';
import type { LogStreams } from './log-streams.ts';
import { type Entry, everyKey, idOf, keyOf, NamespaceEntries, namespaceOf, type Removed } from './namespace-entries.ts';
import { NamespaceRemovals } from './namespace-removals.ts';
import type { NatsGroups } from './nats-groups.ts';
import type { RecordBucket } from './record-bucket.ts';

const countKey = 'count';
/** Maximum number of changes listed individually; beyond that, everything may have changed. */
const maxChanges = 64;
/** A stream counts as lost if this many consecutive checks do not find it. */
const looksForLost = 3;
const lookMs = 500;
/** Maximum number of attempts at a change that loses against other nodes; each waits a little longer. */
const maxTries = 200;

type NamespaceParts = {
  readonly store: Pick<Store, 'kind' | 'capabilities'>;
  readonly bucket: RecordBucket;
  readonly logs: LogStreams;
  readonly groups: NatsGroups;
  readonly maxNamespaces: number;
  readonly hints: ChangeNews;
};

/** Namespaces in a bucket shared by all nodes. Each change is a compare-and-set of revisions. */
export class NatsNamespaces implements NamespaceStore {
  readonly #store: Pick<Store, 'kind' | 'capabilities'>;
  readonly #bucket: RecordBucket;
  readonly #logs: LogStreams;
  readonly #maxNamespaces: number;
  readonly #hints: ChangeNews;
  readonly #owners: LogOwners;
  readonly #entries: NamespaceEntries;
  readonly #removals: NamespaceRemovals;

  constructor({ store, bucket, logs, groups, maxNamespaces, hints }: NamespaceParts) {
    this.#store = store;
    this.#bucket = bucket;
    this.#logs = logs;
    this.#maxNamespaces = maxNamespaces;
    this.#hints = hints;
    this.#owners = new LogOwners(bucket);
    this.#entries = new NamespaceEntries(bucket);
    this.#removals = new NamespaceRemovals({ bucket, entries: this.#entries, logs, groups });
  }

  async create(namespace: NewNamespace): Promise<CreateOutcome> {
    const key = keyOf(namespace.id);
    let log = newLogId();
    /** First sequence number of the stream created for the log; undefined: no stream was created. */
    let madeFrom: number | undefined;
    const outcome = await this.#retry<CreateOutcome>(async () => {
      const found = await this.#entries.find(key);
      if (found !== undefined && 'namespace' in found.value) return { outcome: 'exists' };
      const [first, count] = [await this.#removals.firstOf(found), await this.#bucket.get<number>(countKey)];
      const { revision: counted, value: namespaces } = count ?? { revision: 0, value: 0 };
      if (namespaces >= this.#maxNamespaces) return { outcome: 'too-many', maxNamespaces: this.#maxNamespaces };
      if (madeFrom !== undefined && madeFrom !== first) await this.#logs.stream(log).delete();
      if (madeFrom !== first) await this.#logs.create(log, first);
      madeFrom = first;
      const created: Namespace = { ...namespace, log, retention: [] };
      const isDone = await this.#bucket.change([
        { key, revision: found?.revision ?? 0, value: { namespace: created } },
        { key: countKey, revision: counted, value: namespaces + 1 },
        this.#owners.given(log, namespace.id),
      ]);
      if (!isDone) {
        // A node that has just started considered the stream a leftover and deleted it.
        if ((await this.#owners.of(log)) === null) {
          log = newLogId();
          madeFrom = undefined;
        }
        return undefined;
      }
      madeFrom = undefined;
      this.#hints.changed();
      return { outcome: 'created', namespace: created };
    });
    // Not after a fault: an unanswered change may still be applied, and the namespace would then use this log.
    if (madeFrom !== undefined) await this.#logs.stream(log).delete();
    return outcome;
  }

  async find(id: string): Promise<Namespace | undefined> {
    return namespaceOf(await this.#entries.find(keyOf(id)));
  }

  async list(after: string | undefined, limit: number): Promise<Namespace[]> {
    const most = Math.min(limit, maxListEntries);
    const ids = (await this.#entries.keys()).map(idOf).sort();
    const found: Namespace[] = [];
    // Ids are ASCII, so UTF-16 order is byte order.
    const behind = ids.filter((id) => after === undefined || id > after);
    for await (const entry of this.#entries.read(behind.map(keyOf))) {
      const namespace = namespaceOf(entry);
      if (namespace !== undefined) found.push(namespace);
      if (found.length >= most) break;
    }
    return found;
  }

  async setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean> {
    const key = keyOf(namespace.id);
    const isSet = await this.#retry(async () => {
      const found = await this.#entries.find(key);
      const current = namespaceOf(found);
      if (current?.uid !== namespace.uid || !sameTokens(current.tokens, namespace.tokens)) return false;
      const value = { namespace: { ...current, tokens } };
      return (await this.#bucket.change([{ key, revision: found!.revision, value }])) || undefined;
    });
    if (isSet) this.#hints.changed();
    return isSet;
  }

  async setRetention(): Promise<RetentionOutcome> {
    return refuseUnsupported(this.#store, 'retention');
  }

  async remove(namespace: Namespace): Promise<number | undefined> {
    const key = keyOf(namespace.id);
    const isRemoved = await this.#retry(async () => {
      const found = await this.#entries.find(key);
      const current = namespaceOf(found);
      if (current?.uid !== namespace.uid) return false;
      const count = await this.#bucket.get<number>(countKey);
      const removed: Removed = { log: current.log, reached: null, uid: current.uid };
      const isDone = await this.#bucket.change([
        { key, revision: found!.revision, value: { removed }, isDeleted: true },
        { key: countKey, revision: count!.revision, value: count!.value - 1 },
        await this.#owners.taken(current.log),
      ]);
      return isDone || undefined;
    });
    if (!isRemoved) return undefined;
    this.#hints.changed();
    const left = await this.#entries.find(key);
    return left === undefined ? 0 : await this.#removals.finish(left);
  }

  async changesSince(revision: number | undefined): Promise<NamespaceChanges> {
    const { last_seq: current } = await this.#bucket.state();
    if (revision === undefined || revision === current) return { revision: current, ids: [] };
    if (revision > current) return { revision: current, ids: 'all' };
    const ids = new Set<string>();
    for (let at = revision; at < current; ) {
      const next = await this.#bucket.next<Entry>(everyKey, at);
      if (next === undefined) break;
      ids.add(idOf(next.key));
      if (ids.size > maxChanges) return { revision: current, ids: 'all' };
      at = next.revision;
    }
    return { revision: current, ids: [...ids] };
  }

  follow(changed: () => void): () => void {
    return this.#hints.follow(changed);
  }

  /** Completes removals that another node started before it ended. */
  finishRemovals(): Promise<void> {
    return this.#removals.finishAll();
  }

  /** Deletes the streams left over from nodes that ended. */
  deleteLeftStreams(): Promise<LeftStreams> {
    return deleteLeftStreams(this.#logs, this.#owners, () => this.#removals.ownedLogs());
  }

  /**
   * Replaces a log by an empty one if another program deleted its stream. Resolves to false if the log belonged to a
   * removed namespace.
   */
  async replaceLost(lost: LogId): Promise<boolean> {
    const owner = await this.#owners.of(lost);
    if (typeof owner !== 'string') return false;
    // A cluster that has just elected its leaders may briefly report that a stream does not exist.
    for (let look = 0; look < looksForLost; look++) {
      if ((await this.#logs.stream(lost).look()) !== undefined) return false;
      await delay(lookMs);
    }
    const key = keyOf(owner);
    return this.#retry(async () => {
      const found = await this.#entries.find(key);
      const current = namespaceOf(found);
      // Another node was first.
      if (current?.log !== lost) return false;
      const log = newLogId();
      await this.#logs.create(log, 1);
      const isReplaced = await this.#bucket.change([
        { key, revision: found!.revision, value: { namespace: { ...current, log } } },
        this.#owners.given(log, current.id),
        await this.#owners.taken(lost),
      ]);
      if (!isReplaced) {
        await this.#logs.stream(log).delete();
        return undefined;
      }
      this.#hints.changed();
      return true;
    });
  }

  /** Repeats a change that loses against other nodes until it is made or refused. */
  async #retry<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (let tries = 1; tries <= maxTries; tries++) {
      const result = await attempt();
      if (result !== undefined) return result;
      await delay(Math.random() * Math.min(50, tries * 2));
    }
    throw new PokewireError('BACKEND_ERROR', 'Other nodes keep changing namespaces. Try again.');
  }
}
