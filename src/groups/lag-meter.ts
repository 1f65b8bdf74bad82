import type { Namespace, NamespaceStore } from '../store/namespace-store.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { maxGroups } from './create-group.ts';
import { readPartitions } from './describe-group.ts';
import { ForgettingSpeed } from './forgetting-speed.ts';
import type { Group } from './group.ts';
import { countBehind, secondsLeft, secondsSince, timeOf } from './group-lag.ts';
import { countPartitions, type PartitionCounts } from './partition-states.ts';
import { groupKey, groupPrefix } from './record-keys.ts';

/** Maximum number of groups with separate series, in total and per namespace. */
export const maxMeasuredGroups = 200;
export const maxMeasuredGroupsOfNamespace = 100;

/** Maximum number of groups measured per turn, so that the load does not grow with their number. */
const groupsPerTurn = 4;
const namespacesPerTurn = 4;

/** Interval of walks over all namespaces, which find groups of other nodes and older groups. */
const walkEveryMs = 30_000;

/** An idle group is measured again after this time, because an import may have added unsettled messages. */
const idleForMs = 600_000;

/** Measurements of a group. Undefined: unknown; for `secondsLeft`, nothing deletes its messages. */
export type GroupLag = {
  readonly messages: number | undefined;
  readonly seconds: number | undefined;
  readonly secondsLeft: number | undefined;
};

const noLag: GroupLag = { messages: 0, seconds: 0, secondsLeft: undefined };

type Measured = {
  namespace: Namespace;
  readonly group: string;
  /** Number of connected members, on all nodes. */
  attached: number;
  partitions: PartitionCounts | undefined;
  lag: GroupLag | undefined;
  /** The state for which the lag was measured. */
  of: { readonly layout: number; readonly head: number; readonly atMs: number } | undefined;
  readonly forgetting: ForgettingSpeed;
};

export type MeasuredGroup = Readonly<Measured>;

type Walk = { after: string | undefined; readonly found: Set<string>; omitted: number };

/** Measures the lag of groups, a few per turn, whether they have members on this node or not. */
export class LagMeter {
  /** Groups without series, because there are too many. */
  omitted = 0;
  readonly #groups: ConsumerGroups;
  readonly #namespaces: NamespaceStore;
  /** Sorted by the time of the last measurement. */
  readonly #measured = new Map<string, Measured>();
  #walk: Walk | undefined = undefined;
  #walkedAtMs = Number.NEGATIVE_INFINITY;
  #isTurning = false;

  constructor(groups: ConsumerGroups, namespaces: NamespaceStore) {
    this.#groups = groups;
    this.#namespaces = namespaces;
  }

  get measured(): Iterable<MeasuredGroup> {
    return this.#measured.values();
  }

  /** How fast retention deletes messages of the group's category; undefined: the group is not measured. */
  forgettingOf(key: string): ForgettingSpeed | undefined {
    return this.#measured.get(key)?.forgetting;
  }

  /** Adds a group, unless there are too many. */
  add(namespace: Namespace, group: string): boolean {
    const key = groupKey(namespace.uid, group);
    this.#walk?.found.add(key);
    const known = this.#measured.get(key);
    if (known !== undefined) {
      known.namespace = namespace;
      return true;
    }
    if (this.#measured.size >= maxMeasuredGroups) return false;
    const ofNamespace = [...this.#measured.values()].filter((other) => other.namespace.uid === namespace.uid).length;
    if (ofNamespace >= maxMeasuredGroupsOfNamespace) return false;
    const forgetting = new ForgettingSpeed();
    this.#measured.set(key, {
      ...{ namespace, group, forgetting },
      attached: 0,
      partitions: undefined,
      lag: undefined,
      of: undefined,
    });
    return true;
  }

  /** Runs the periodic work. Errors go to the node's observer. */
  async turn(): Promise<void> {
    if (this.#isTurning || this.#groups.isStopped) return;
    this.#isTurning = true;
    try {
      await this.#walkOn();
      for (const [key, measured] of [...this.#measured].slice(0, groupsPerTurn)) {
        // Moved to the end even after a failure, so that all groups are measured.
        this.#measured.delete(key);
        this.#measured.set(key, measured);
        await this.#measure(key, measured);
      }
    } catch (error) {
      if (!isLogGone(error)) this.#groups.node.options.observer.failed(error);
    } finally {
      this.#isTurning = false;
    }
  }

  async #walkOn(): Promise<void> {
    const nowMs = performance.now();
    if (this.#walk === undefined) {
      if (nowMs - this.#walkedAtMs < walkEveryMs) return;
      this.#walkedAtMs = nowMs;
      this.#walk = { after: undefined, found: new Set(), omitted: 0 };
    }
    const walk = this.#walk;
    const namespaces = await this.#namespaces.list(walk.after, namespacesPerTurn);
    for (const namespace of namespaces) await this.#find(namespace, walk);
    walk.after = namespaces.at(-1)?.id;
    if (namespaces.length === namespacesPerTurn) return;
    for (const key of this.#measured.keys()) if (!walk.found.has(key)) this.#measured.delete(key);
    this.omitted = walk.omitted;
    this.#walk = undefined;
  }

  async #find(namespace: Namespace, walk: Walk): Promise<void> {
    const { node } = this.#groups;
    const prefix = groupPrefix(namespace.uid);
    const records = await node.options.store.list(prefix, undefined, maxGroups);
    for (const [index, group] of node.groups.take(records).entries()) {
      if (group.state === 'deleted') continue;
      if (!this.add(namespace, records[index]!.key.slice(prefix.length))) walk.omitted++;
    }
  }

  async #measure(key: string, measured: Measured): Promise<void> {
    const { namespace } = measured;
    const { node } = this.#groups;
    const group = node.groups.known(key) ?? (await node.groups.read(key));
    if (group === undefined || group.state === 'deleted') {
      this.#measured.delete(key);
      return;
    }
    measured.partitions = countPartitions(group);
    measured.attached = Object.values(group.members).filter(({ isDetached }) => !isDetached).length;
    if (group.epoch !== namespace.log) {
      measured.lag = undefined;
      return;
    }
    const nowMs = performance.now();
    const { of, lag } = measured;
    const head = this.#groups.knownFeed(namespace)?.head ?? (await this.#groups.logOf(namespace).bounds()).head;
    const isSame = of?.layout === group.layout && of.head === head && nowMs - of.atMs < idleForMs;
    if (isSame && lag?.messages === 0) return;
    measured.lag = this.#isSettled(measured, group, head) ? noLag : await this.#lagOf(measured, group);
    measured.of = { layout: group.layout, head, atMs: nowMs };
  }

  /** Whether the cached checkpoints show that nothing is unsettled. They may be too low, but not too high: a reset begins another layout. */
  #isSettled({ namespace }: Measured, group: Group, head: number): boolean {
    const { partitions } = this.#groups.node;
    return group.partitions.every((_owned, index) => {
      const record = partitions.known(this.#groups.partitionKey(namespace, group, group.layout, index));
      return record !== undefined && record.checkpoint >= head;
    });
  }

  async #lagOf({ namespace, forgetting }: Measured, group: Group): Promise<GroupLag> {
    const log = this.#groups.logOf(namespace);
    const records = await readPartitions(this.#groups, namespace, group);
    const { ofPartition, isExact, forgottenUpTo } = await countBehind(log, group, records);
    forgetting.note(performance.now(), forgottenUpTo);
    const messages = ofPartition.reduce((sum, behind) => sum + (behind?.messages ?? 0), 0);
    if (messages === 0) {
      const none = isExact && !ofPartition.includes(undefined) ? 0 : undefined;
      return { messages: none, seconds: none, secondsLeft: undefined };
    }
    const first = Math.min(...ofPartition.map((behind) => behind?.first ?? Number.POSITIVE_INFINITY));
    const timeMs = await timeOf(log, { category: group.category, group: undefined }, first);
    const seconds = timeMs === undefined ? undefined : secondsSince(timeMs, Date.now());
    const maxAgeMs = this.#groups.maxAgeMs(namespace, group.category);
    return { messages, seconds, secondsLeft: secondsLeft({ first, seconds }, maxAgeMs, forgetting) };
  }
}
