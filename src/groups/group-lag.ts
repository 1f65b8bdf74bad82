import type { Selection } from '../message/selection.ts';
import type { Log, LogFilter } from '../store/log.ts';
import type { ForgettingSpeed } from './forgetting-speed.ts';
import type { Group } from './group.ts';
import { isSettledByFloor, type PartitionRecord } from './partition-record.ts';

/** The lag is counted up to this number of messages. */
const maxCounted = 10_000;
const pagePokes = 1_000;

/** Maximum number of partitions whose first unsettled message is read to determine its age. */
const maxTimed = 64;

/** The lag of a partition. `isExact`: false if there may be more messages. */
export type Lag = {
  readonly messages: number;
  readonly isExact: boolean;
  /** Age of the first unsettled message; undefined: unknown. */
  readonly seconds: number | undefined;
  /** Global position of the first unsettled message; undefined: all are settled, or it was not found. */
  readonly first: number | undefined;
};

/** Unsettled messages of a group. */
type Behind = {
  /** Undefined: the partition has no checkpoint yet. */
  readonly ofPartition: readonly ({ readonly messages: number; readonly first: number | undefined } | undefined)[];
  /** Whether all messages after the checkpoints were counted. */
  readonly isExact: boolean;
  /** Retention deleted messages of the category up to here. */
  readonly forgottenUpTo: number;
};

/** Selects the category of a group. */
export function selectionOf({ category }: Pick<Group, 'category'>): Selection {
  return { all: false, streams: [], categories: [category], group: null, fromPosition: 0 };
}

/** Time of the first selected message at or after a global position; undefined if there is none. */
export async function timeOf(
  log: Log,
  filter: Pick<LogFilter, 'category' | 'group'>,
  globalPosition: number,
): Promise<number | undefined> {
  const { messages } = await log.read({ ...filter, correlation: undefined }, globalPosition, 1);
  return messages[0]?.timeMs;
}

/** Counts messages after the checkpoints in one walk over the category, which ends at a maximum. */
export async function countBehind(
  log: Log,
  group: Pick<Group, 'category' | 'size'>,
  records: readonly (PartitionRecord | undefined)[],
): Promise<Behind> {
  const known = records.filter((record) => record !== undefined);
  const ofPartition = records.map((record) =>
    record === undefined ? undefined : { messages: 0, first: undefined as number | undefined },
  );
  let after = Math.min(...known.map(({ checkpoint }) => checkpoint));
  let counted = 0;
  let forgottenUpTo = 0;
  let isExact = known.length === 0;
  while (!isExact && counted < maxCounted) {
    const page = await log.pokes(selectionOf(group), after, pagePokes);
    try {
      for (const { stream, globalPosition } of page.pokes) {
        counted++;
        const partition = stream.owner(group.size);
        const record = records[partition];
        const behind = ofPartition[partition];
        if (record === undefined || behind === undefined || globalPosition <= record.checkpoint) continue;
        if (isSettledByFloor(record.floors, (size) => stream.owner(size), globalPosition)) continue;
        behind.messages++;
        behind.first ??= globalPosition;
      }
      after = page.upTo;
      isExact = page.atEnd;
      forgottenUpTo = page.forgottenUpTo;
    } finally {
      page.release();
    }
  }
  return { ofPartition, isExact, forgottenUpTo };
}

/** The lag of each partition. If there are many, only the first ones include an age. */
export async function lagsOf(log: Log, group: Group, behind: Behind): Promise<Lag[]> {
  const { ofPartition } = behind;
  const nowMs = Date.now();
  let timed = 0;
  const lags: Lag[] = [];
  for (const [member, counted] of ofPartition.entries()) {
    const { messages, first } = counted ?? { messages: 0, first: undefined };
    const isExact = behind.isExact && counted !== undefined;
    let seconds = messages === 0 && isExact ? 0 : undefined;
    if (first !== undefined && timed++ < maxTimed) {
      const filter = { category: group.category, group: { member, size: group.size } };
      const timeMs = await timeOf(log, filter, first);
      if (timeMs !== undefined) seconds = secondsSince(timeMs, nowMs);
    }
    lags.push({ messages, isExact, seconds, first });
  }
  return lags;
}

export function secondsSince(timeMs: number, nowMs: number): number {
  return Math.max(0, nowMs - timeMs) / 1_000;
}

/**
 * Estimated seconds until retention deletes the first unsettled message, by its age or by the current speed of
 * deletion; undefined if every message is settled or no known rule deletes it.
 */
export function secondsLeft(
  { first, seconds }: Pick<Lag, 'first' | 'seconds'>,
  maxAgeMs: number,
  forgetting: ForgettingSpeed | undefined,
): number | undefined {
  if (first === undefined) return undefined;
  const byAge = seconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, maxAgeMs / 1_000 - seconds);
  const left = Math.min(byAge, forgetting?.secondsTo(first) ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(left) ? left : undefined;
}
