import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import type { Group, Member } from './group.ts';
import { countBehind, type Lag, lagsOf, secondsLeft } from './group-lag.ts';
import { isChanging } from './ownership.ts';
import type { PartitionRecord } from './partition-record.ts';
import { groupKey } from './record-keys.ts';

type DescribedPartition = {
  readonly partition: number;
  readonly member: string | undefined;
  readonly generation: number;
  readonly record: PartitionRecord | undefined;
  readonly lag: Lag;
  /** Time until retention deletes the first unsettled message; undefined if every message is settled or no known rule deletes it. */
  readonly secondsLeft: number | undefined;
  readonly isRevoking: boolean;
};

/** States of a group; `new-log`: the log was replaced, and the group waits for a reset. */
export const stateNames = ['stable', 'moving', 'resizing', 'empty', 'stopped', 'new-log'] as const;

type DescribedMember = Member & {
  readonly session: string;
  /** Remaining time of its lease, in milliseconds; undefined: another node confirms it. */
  readonly leaseMs: number | undefined;
};

export type DescribedGroup = {
  readonly group: Group;
  readonly members: readonly DescribedMember[];
  /** Streams of the category that belong to no partition. */
  readonly unownedStreams: number;
  readonly state: (typeof stateNames)[number];
  readonly head: number;
  readonly partitions: readonly DescribedPartition[];
};

/** Partition records of a group, in order; by default of all partitions. */
export async function readPartitions(
  groups: ConsumerGroups,
  namespace: Namespace,
  group: Group,
  partitions: readonly number[] = [...group.partitions.keys()],
): Promise<(PartitionRecord | undefined)[]> {
  const keys = partitions.map((index) => groups.partitionKey(namespace, group, group.layout, index));
  const records: (PartitionRecord | undefined)[] = [];
  for (let at = 0; at < keys.length; at += 500) {
    records.push(...(await groups.node.partitions.readAll(keys.slice(at, at + 500))));
  }
  return records;
}

/** Like {@link readPartitions}, but without a read if this process makes all changes. */
export async function currentPartitions(
  groups: ConsumerGroups,
  namespace: Namespace,
  group: Group,
  partitions: readonly number[],
): Promise<(PartitionRecord | undefined)[]> {
  if (groups.isShared) return readPartitions(groups, namespace, group, partitions);
  const known = partitions.map((index) =>
    groups.node.partitions.known(groups.partitionKey(namespace, group, group.layout, index)),
  );
  return known.includes(undefined) ? readPartitions(groups, namespace, group, partitions) : known;
}

/** Describes members, partitions and their lag. */
export async function describeGroup(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
): Promise<DescribedGroup> {
  const group = await groups.find(namespace, name);
  const records = await readPartitions(groups, namespace, group);
  const log = groups.logOf(namespace);
  const { head } = await log.bounds();
  // At most one stream of a category has no id: the stream with the category's name.
  const unownedStreams = (await log.describeStream(group.category)) === undefined ? 0 : 1;
  const maxAgeMs = groups.maxAgeMs(namespace, group.category);
  const forgetting = groups.lags.forgettingOf(groupKey(namespace.uid, name));
  const lags = group.epoch === namespace.log ? await lagsOf(log, group, await countBehind(log, group, records)) : [];
  const partitions = group.partitions.map(({ holder, generation, next }, partition) => {
    const lag = lags[partition] ?? { messages: 0, isExact: false, seconds: undefined, first: undefined };
    return {
      partition,
      member: holder === undefined ? undefined : group.members[holder]?.name,
      generation,
      record: records[partition],
      lag,
      secondsLeft: secondsLeft(lag, maxAgeMs, forgetting),
      isRevoking: holder !== undefined && holder !== next,
    };
  });
  const members = membersOf(groups, namespace, name, group);
  return { group, members, unownedStreams, state: stateOf(group, namespace), head, partitions };
}

function membersOf(groups: ConsumerGroups, namespace: Namespace, name: string, group: Group): DescribedMember[] {
  const { times, now } = groups.node.options;
  const sessions = groups.node.watchedGroup(groups.nameOf(namespace, name))?.sessions;
  return Object.entries(group.members).map(([session, member]) => {
    const own = sessions?.get(session);
    const endsAtMs = own === undefined ? undefined : own.extendedAtMs + (member.keepMs ?? times.leaseMs);
    return {
      ...member,
      session,
      leaseMs: endsAtMs === undefined ? undefined : Math.max(0, Math.round(endsAtMs - now())),
    };
  });
}

function stateOf(group: Group, { log }: Namespace): DescribedGroup['state'] {
  if (group.epoch !== log || group.state === 'new-log') return 'new-log';
  if (group.state === 'stopped') return 'stopped';
  if (Object.keys(group.members).length === 0) return 'empty';
  if (isChanging(group)) return 'resizing';
  return group.partitions.some(({ holder, next }) => holder !== next) ? 'moving' : 'stable';
}
