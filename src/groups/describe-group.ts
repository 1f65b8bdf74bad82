import type { Selection } from '../message/selection.ts';
import type { Log } from '../store/log.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import type { Group, Member } from './group.ts';
import { isChanging } from './ownership.ts';
import { isSettledByFloor, type PartitionRecord } from './partition-record.ts';

/** The lag is counted up to this many messages. */
const maxCounted = 10_000;
const pagePokes = 1_000;

/** Maximum number of partitions whose first unsettled message is read for its age. */
const maxTimed = 64;

/** How far a partition is behind. `isExact` is false if there may be more messages. */
export type Lag = { readonly messages: number; readonly isExact: boolean; readonly seconds: number | undefined };

type DescribedPartition = {
  readonly partition: number;
  readonly member: string | undefined;
  readonly generation: number;
  readonly record: PartitionRecord | undefined;
  readonly lag: Lag;
  /** Until retention by age takes the first unsettled message; undefined: there is none, or no such rule, or its age is not known. */
  readonly secondsLeft: number | undefined;
  readonly isRevoking: boolean;
};

/** States of a group; `new-log`: its log was replaced, and it waits for a reset. */
export const stateNames = ['stable', 'moving', 'resizing', 'empty', 'stopped', 'new-log'] as const;

type DescribedMember = Member & {
  readonly session: string;
  /** What is left of its lease, milliseconds; undefined: another node confirms it. */
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

/** Selects the category of a group. */
export function selectionOf({ category }: Pick<Group, 'category'>): Selection {
  return { all: false, streams: [], categories: [category], group: null, fromPosition: 0 };
}

/** The records of the partitions of a group, in their order. */
export async function readPartitions(
  groups: ConsumerGroups,
  namespace: Namespace,
  group: Group,
): Promise<(PartitionRecord | undefined)[]> {
  const keys = [...group.partitions.keys()].map((index) => groups.partitionKey(namespace, group, group.layout, index));
  const records: (PartitionRecord | undefined)[] = [];
  for (let at = 0; at < keys.length; at += 500) {
    records.push(...(await groups.node.partitions.readAll(keys.slice(at, at + 500))));
  }
  return records;
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
  // Of a category one stream at most has no id, that with its name.
  const unownedStreams = (await log.describeStream(group.category)) === undefined ? 0 : 1;
  const maxAgeMs = groups.maxAgeMs(namespace, group.category);
  const lags = group.epoch === namespace.log ? await lagsOf(groups, namespace, group, records) : [];
  const partitions = group.partitions.map(({ holder, generation, next }, partition) => {
    const lag = lags[partition] ?? { messages: 0, isExact: false, seconds: undefined };
    return {
      partition,
      member: holder === undefined ? undefined : group.members[holder]?.name,
      generation,
      record: records[partition],
      lag,
      secondsLeft: secondsLeftOf(lag, maxAgeMs),
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

function secondsLeftOf({ messages, seconds }: Lag, maxAgeMs: number): number | undefined {
  if (messages === 0 || seconds === undefined || !Number.isFinite(maxAgeMs)) return undefined;
  return Math.max(0, maxAgeMs / 1_000 - seconds);
}

function stateOf(group: Group, { log }: Namespace): DescribedGroup['state'] {
  if (group.epoch !== log || group.state === 'new-log') return 'new-log';
  if (group.state === 'stopped') return 'stopped';
  if (Object.keys(group.members).length === 0) return 'empty';
  if (isChanging(group)) return 'resizing';
  return group.partitions.some(({ holder, next }) => holder !== next) ? 'moving' : 'stable';
}

/** Counts what lies behind the checkpoints by one walk over the category, which ends after so many messages. */
async function lagsOf(
  groups: ConsumerGroups,
  namespace: Namespace,
  group: Group,
  records: readonly (PartitionRecord | undefined)[],
): Promise<Lag[]> {
  const log = groups.logOf(namespace);
  const known = records.filter((record) => record !== undefined);
  const counts: number[] = new Array(records.length).fill(0);
  const first = new Map<number, number>();
  let after = Math.min(...known.map(({ checkpoint }) => checkpoint));
  let counted = 0;
  let isWhole = known.length === 0;
  while (!isWhole && counted < maxCounted) {
    const page = await log.pokes(selectionOf(group), after, pagePokes);
    try {
      for (const { stream, globalPosition } of page.pokes) {
        counted++;
        const partition = stream.owner(group.size);
        const record = records[partition];
        if (record === undefined || globalPosition <= record.checkpoint) continue;
        if (isSettledByFloor(record.floors, (size) => stream.owner(size), globalPosition)) continue;
        counts[partition]!++;
        if (!first.has(partition)) first.set(partition, globalPosition);
      }
      after = page.upTo;
      isWhole = page.atEnd;
    } finally {
      page.release();
    }
  }
  const times = await timesOf(log, group, first);
  const nowMs = Date.now();
  return counts.map((messages, partition) => {
    const timeMs = times.get(partition);
    const seconds = timeMs === undefined ? undefined : Math.max(0, nowMs - timeMs) / 1_000;
    return { messages, isExact: isWhole, seconds: messages === 0 && isWhole ? 0 : seconds };
  });
}

/** When the first unsettled message of partitions was appended; of the first ones where there are many. */
async function timesOf(log: Log, group: Group, first: ReadonlyMap<number, number>): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  for (const [partition, globalPosition] of [...first].slice(0, maxTimed)) {
    const filter = { category: group.category, group: { member: partition, size: group.size }, correlation: undefined };
    const { messages } = await log.read(filter, globalPosition, 1);
    if (messages[0] !== undefined) times.set(partition, messages[0].timeMs);
  }
  return times;
}
