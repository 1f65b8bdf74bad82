import { assign } from './assign.ts';
import { freshPartitions, type Group, type Origin } from './group.ts';

/** A partition in one generation. */
export type Held = { readonly layout: number; readonly partition: number; readonly generation: number };

/**
 * Takes a partition from the session that owns it in this generation, for the next owner. Returns false if it no longer
 * owns it. A release is final for its generation, even if the same session is next.
 */
export function letGo(group: Group, session: string, { layout, partition, generation }: Held): boolean {
  if (layout === group.layout) {
    const owned = group.partitions[partition];
    if (owned?.holder !== session || owned.generation !== generation) return false;
    owned.holder = owned.next;
    if (owned.next !== undefined) owned.generation = ++group.generation;
    return true;
  }
  const old = layout === group.layout - 1 ? group.previous?.partitions[partition] : undefined;
  if (old?.holder !== session || old.generation !== generation) return false;
  old.holder = undefined;
  return true;
}

/** Starts a new layout. Returns false while the former one is incomplete. */
export function relayout(group: Group, size: number, origin: Origin): boolean {
  if (isChanging(group)) return false;
  group.previous = {
    size: group.size,
    epoch: group.epoch,
    partitions: group.partitions.map(({ holder, generation }) => ({ holder, generation, isSealed: false })),
  };
  const targets = group.partitions.map(({ next }) => next);
  group.layout++;
  group.size = size;
  group.origin = origin;
  group.partitions = freshPartitions(size);
  // Keep partitions with common streams at the same member: if one size is a multiple of the other, no stream changes its member.
  for (const [index, partition] of group.partitions.entries()) partition.next = targets[index % targets.length];
  assign(group);
  return true;
}

/**
 * Compares the log of a group with that of its namespace as a node knows it. If they differ, no partition has an owner
 * until the group is reset. If a node only learned of a new log late, the group continues. Returns false if nothing
 * changes.
 */
export function meetLog(group: Group, epoch: string): boolean {
  const [from, to] = group.epoch === epoch ? (['new-log', 'running'] as const) : (['running', 'new-log'] as const);
  if (group.state !== from) return false;
  group.state = to;
  assign(group);
  return true;
}

/** Start and log of a reset; without partitions: of all partitions. */
type Reset = {
  readonly epoch: string;
  readonly position: number;
  readonly partitions: readonly number[] | undefined;
};

/** Starts a new layout at a position of a log. Returns false while the former one is incomplete. */
export function reset(group: Group, { epoch, position, partitions }: Reset): boolean {
  const isOther = group.epoch !== epoch;
  // Checkpoints are meaningless in another log, so all partitions are reset.
  const origin: Origin = { from: 'reset', position, partitions: isOther ? undefined : partitions };
  if (!relayout(group, group.size, origin)) return false;
  group.epoch = epoch;
  if (group.state === 'new-log') group.state = 'running';
  return true;
}

/** Whether a layout change is in progress. */
export function isChanging(group: Group): boolean {
  return group.previous !== undefined || group.partitions.some(({ isReady }) => !isReady);
}

/** Records that partitions of the previous layout accept no more acknowledgements. */
export function noteSealed(group: Group, layout: number, sealed: readonly number[]): boolean {
  const old = layout === group.layout - 1 ? group.previous?.partitions : undefined;
  const news = old === undefined ? [] : sealed.filter((index) => old[index]?.isSealed === false);
  for (const index of news) old![index]!.isSealed = true;
  return news.length > 0;
}

/** Records that partitions have their checkpoints, and assigns them. */
export function noteReady(group: Group, layout: number, ready: readonly number[]): boolean {
  if (layout !== group.layout) return false;
  const news = ready.filter((index) => group.partitions[index]?.isReady === false);
  for (const index of news) group.partitions[index]!.isReady = true;
  if (news.length === 0) return false;
  if (group.partitions.every(({ isReady }) => isReady)) group.previous = undefined;
  assign(group);
  return true;
}

/** Partitions of this layout whose checkpoints are final, because all predecessors are sealed. */
export function readyToMake(group: Group): number[] {
  const { previous, partitions, size } = group;
  const divisor = previous === undefined ? 1 : greatestCommonDivisor(previous.size, size);
  const openClasses = new Set<number>();
  for (const [index, { isSealed }] of previous?.partitions.entries() ?? []) {
    if (!isSealed) openClasses.add(index % divisor);
  }
  return [...partitions.keys()].filter((index) => !partitions[index]!.isReady && !openClasses.has(index % divisor));
}

/** Partitions of the previous layout that have streams in common with this partition. */
export function predecessors(group: Group, partition: number): number[] {
  const { previous, size } = group;
  if (previous === undefined) return [];
  const divisor = greatestCommonDivisor(previous.size, size);
  return [...previous.partitions.keys()].filter((index) => index % divisor === partition % divisor);
}

/** Stops or starts a group. Returns false if nothing changes, or if the group has no log to continue with. */
export function setRunning(group: Group, isRunning: boolean): boolean {
  const state = isRunning ? 'running' : 'stopped';
  if (group.state === state || group.state === 'new-log' || group.state === 'deleted') return false;
  group.state = state;
  assign(group);
  return true;
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}
