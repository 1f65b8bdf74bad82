import { randomBytes } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { PokewireError } from '../errors.ts';
import { ReadSlots } from '../hub/read-slots.ts';
import type { GroupStore } from '../store/group-store.ts';
import type { Log } from '../store/log.ts';
import type { LogId } from '../store/log-id.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { RetentionLimits } from '../store/retention.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import { rulesInForce } from '../store/shared/retention-rules.ts';
import type { Store } from '../store/store.ts';
import type { Group } from './group.ts';
import { GroupFeed } from './group-feed.ts';
import { GroupNode } from './group-node.ts';
import type { GroupName, MoveReason, WatchedGroup } from './group-state.ts';
import { type GroupTimes, groupTimes } from './group-times.ts';
import { LagMeter } from './lag-meter.ts';
import type { MemberSession, Told } from './member-session.ts';
import type { MemberStream } from './member-stream.ts';
import { ErasedMessages } from './pass-erased.ts';
import { passForgotten } from './pass-forgotten.ts';
import { groupKey, partitionKey } from './record-keys.ts';

type ConsumerGroupsOptions = {
  readonly store: Store;
  readonly records: GroupStore;
  readonly log: FastifyBaseLogger;
  readonly times?: GroupTimes;
  readonly stallTimeoutMs: number;
  /** Limits for namespaces without a rule for their whole log. */
  readonly retention: RetentionLimits;
};

/** Counts for metrics. */
type GroupCounts = {
  readonly moves: Record<MoveReason, number>;
  acknowledged: number;
  fenced: number;
  skipped: number;
  /** Partitions whose checkpoint was overtaken by retention. */
  forgotten: number;
  failedSteps: number;
};

/** The consumer groups of all namespaces on this node: the members connected to it, their streams and their log feeds. */
export class ConsumerGroups {
  readonly node: GroupNode;
  readonly log: FastifyBaseLogger;
  readonly lags: LagMeter;
  readonly counts: GroupCounts = {
    moves: { join: 0, leave: 0, expire: 0, forced: 0, resize: 0 },
    acknowledged: 0,
    fenced: 0,
    skipped: 0,
    forgotten: 0,
    failedSteps: 0,
  };
  /** Receives the duration of each hand-over to a member on this node, in milliseconds. */
  handedOver: (ms: number) => void = () => {};
  /** Open member streams. */
  readonly streams = new Set<MemberStream>();
  /** Callbacks after an acknowledgement on this node, by group key. */
  readonly waiting = new Map<string, Set<() => void>>();
  readonly #store: Store;
  readonly #slots = new ReadSlots();
  readonly #feeds = new Map<LogId, GroupFeed>();
  readonly #feedsOfTold = new WeakMap<Told, GroupFeed>();
  readonly #timer: NodeJS.Timeout;
  readonly #unfollow: () => void;
  readonly #stallTimeoutMs: number;
  readonly #retention: RetentionLimits;
  readonly #erased: ErasedMessages;
  #isStopped = false;
  /** Reason to end new streams at once; undefined: new streams are accepted. */
  #endCode: string | undefined = undefined;

  constructor({ store, records, log, times = groupTimes, stallTimeoutMs, retention }: ConsumerGroupsOptions) {
    this.#store = store;
    this.log = log;
    this.#stallTimeoutMs = stallTimeoutMs;
    this.#retention = retention;
    this.node = new GroupNode({
      store: records,
      times,
      now: () => performance.now(),
      wallNow: () => Date.now(),
      newId: () => randomBytes(12).toString('base64url'),
      observer: {
        moved: (why, partitions) => {
          this.counts.moves[why] += partitions;
        },
        handedOver: (ms) => this.handedOver(ms),
        failed: (error) => {
          this.counts.failedSteps++;
          if (!this.#isStopped)
            log.warn({ err: error }, 'a maintenance step of a consumer group failed and will be retried');
        },
      },
      headOf: (epoch) => this.#feeds.get(epoch as LogId)?.head ?? 0,
      toldChanged: (watched, session, told) => this.#toldChanged(watched, session, told),
    });
    this.#erased = new ErasedMessages(this.node, ({ group }) => store.log(group.epoch as LogId));
    this.lags = new LagMeter(this, store.namespaces);
    this.#timer = setInterval(() => {
      void this.turn();
      void this.lags.turn();
    }, times.turnMs).unref();
    // Only changes by other nodes matter here. Hints may be lost, so the timer is still needed.
    this.#unfollow = records.sharedBy === 'nodes' ? records.follow(() => this.#hinted()) : () => {};
    void this.turn();
  }

  get times(): GroupTimes {
    return this.node.options.times;
  }

  logOf({ log }: Namespace): Log {
    return this.#store.log(log);
  }

  /** Maximum age of messages of a category in milliseconds; infinite if no rule limits the age. */
  maxAgeMs(namespace: Namespace, category: string): number {
    const ages = rulesInForce(namespace, this.#retention)
      .filter((rule) => rule.category === undefined || rule.category === category)
      .map(({ limits }) => limits.maxAgeMs ?? Number.POSITIVE_INFINITY);
    return Math.min(Number.POSITIVE_INFINITY, ...ages);
  }

  nameOf({ uid }: Namespace, name: string): GroupName {
    return { uid, name };
  }

  /** Reads the group from the store; throws `GROUP_NOT_FOUND`. */
  async find(namespace: Namespace, name: string): Promise<Group> {
    const group = await this.node.groups.read(groupKey(namespace.uid, name));
    if (group === undefined || group.state === 'deleted') throw groupNotFound(name);
    return group;
  }

  /** Like {@link find}, but may return a cached group. A write based on an outdated one loses its compare-and-set. */
  async known(namespace: Namespace, name: string): Promise<Group> {
    const known = this.node.groups.known(groupKey(namespace.uid, name));
    return known === undefined || known.state === 'deleted' ? this.find(namespace, name) : known;
  }

  /** Whether other nodes also change records, so that cached ones may be outdated. */
  get isShared(): boolean {
    return this.node.options.store.sharedBy === 'nodes';
  }

  partitionKey({ uid }: Namespace, group: Group, layout: number, partition: number): string {
    return partitionKey(uid, group.id, layout, partition);
  }

  /** Follows the log of a namespace; resolves when its head is known. */
  async feedOf({ log }: Namespace): Promise<GroupFeed> {
    const feed = this.#feed(log);
    feed.askedAtMs = performance.now();
    await feed.begun;
    return feed;
  }

  /** The feed of a namespace's log; undefined if this node does not follow it. */
  knownFeed({ log }: Namespace): GroupFeed | undefined {
    return this.#feeds.get(log);
  }

  /** Runs the periodic work: ends stalled streams, advances groups, and reads logs and checkpoints that hints may have missed. */
  async turn(): Promise<void> {
    if (this.#isStopped) return;
    const nowMs = performance.now();
    for (const stream of this.streams) stream.endIfStalled(nowMs, this.#stallTimeoutMs);
    await this.node.turn();
    const used = new Set([...this.node.watched].map(({ group }) => group.epoch));
    for (const [id, feed] of this.#feeds) {
      // A join that has just requested this feed may still be running.
      const isAsked = nowMs - feed.askedAtMs < 2 * this.times.nodeTtlMs;
      if (feed.isIdle && !used.has(id) && !isAsked) {
        feed.stop();
        this.#feeds.delete(id);
        continue;
      }
      feed.look();
      const { waiting } = feed;
      // Acknowledgements may have been sent to another node.
      if (waiting.length > 0) await this.node.partitions.readAll(waiting.slice(0, 100)).catch(() => {});
    }
    for (const watched of [...this.node.watched]) {
      const epoch = watched.group.epoch as LogId;
      const upTo = this.#feeds.get(epoch)?.forgottenUpTo ?? 0;
      if (upTo > 0) await this.#passForgotten(watched, epoch, upTo);
    }
    await this.#passErased();
  }

  /** Adds the stream of a member that joined. If all streams were ended during the join, ends this one too. */
  opened(stream: MemberStream): void {
    this.streams.add(stream);
    if (this.#endCode !== undefined) stream.end(this.#endCode);
  }

  /** Ends all member streams. The members reconnect to other nodes within their leases. */
  endAll(code: string): void {
    this.#endCode = code;
    for (const stream of [...this.streams]) stream.end(code);
  }

  /** Stops the timer, the feeds and all waiting requests. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#unfollow();
    for (const feed of this.#feeds.values()) feed.stop();
    for (const checks of this.waiting.values()) for (const check of checks) check();
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  #hinted(): void {
    this.node.hint();
    void this.turn();
  }

  #feed(log: LogId): GroupFeed {
    return this.#feeds.getOrInsertComputed(
      log,
      () =>
        new GroupFeed({
          log: this.#store.log(log),
          slots: this.#slots,
          partition: (key) => this.node.partitions.known(key),
          failed: (error) => {
            if (!isLogGone(error)) this.log.warn({ err: error, log }, 'the log of a consumer group could not be read');
          },
        }),
    );
  }

  async #passForgotten(watched: WatchedGroup, epoch: LogId, upTo: number): Promise<void> {
    const { name } = watched;
    try {
      for (const part of await passForgotten(this.node, watched, this.#store.log(epoch), upTo)) {
        this.counts.forgotten++;
        const facts = { audit: 'group-forgotten', namespaceUid: name.uid, group: name.name, ...part };
        this.log.warn(facts, 'retention deleted messages before a consumer group had settled them');
      }
    } catch (error) {
      if (!isLogGone(error)) this.node.options.observer.failed(error);
    }
  }

  async #passErased(): Promise<void> {
    try {
      for (const { name, ...held } of await this.#erased.turn()) {
        const facts = { audit: 'group-erased', namespaceUid: name.uid, group: name.name, ...held };
        this.log.info(facts, 'a message at which a consumer group held a stream was erased');
      }
    } catch (error) {
      this.node.options.observer.failed(error);
    }
  }

  #toldChanged(watched: WatchedGroup, session: MemberSession, told: Told): void {
    // A reset changes the group's epoch, but partitions assigned before must leave the feed they joined.
    const feed =
      this.#feedsOfTold.get(told) ?? (this.#isStopped ? undefined : this.#feed(watched.group.epoch as LogId));
    if (feed === undefined) return;
    this.#feedsOfTold.set(told, feed);
    feed.update(watched, session, told);
  }
}

export function groupNotFound(group: string): PokewireError {
  return new PokewireError(
    'GROUP_NOT_FOUND',
    `There is no consumer group ${group}. The first join with size= creates it.`,
    {
      details: { group },
    },
  );
}
