import { PokewireError } from '../errors.ts';
import { StreamName } from '../message/stream-name.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { readPartitions } from './describe-group.ts';
import type { Group } from './group.ts';
import { isSettledByFloor, type PartitionRecord } from './partition-record.ts';
import { groupKey } from './record-keys.ts';

/** How often records are read for acknowledgements that other nodes took. */
const lookEveryMs = 250;

/** Maximum number of waiting requests, over all groups. */
export const maxGroupWaits = 1_000;

type Reached = { readonly reached: boolean; readonly checkpoint: number; readonly held: number };

/**
 * Waits until a group has settled everything up to a global position, or all of that of one stream. Throws `STREAM_HELD` when the
 * stream is held, for then it may take any time.
 */
export async function waitForGroup(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  asked: { readonly position: number; readonly stream: string | undefined; readonly timeoutMs: number },
  isGone: () => boolean,
): Promise<Reached> {
  const key = groupKey(namespace.uid, name);
  const untilMs = performance.now() + asked.timeoutMs;
  let waits = 0;
  for (const checks of groups.waiting.values()) waits += checks.size;
  if (waits >= maxGroupWaits)
    throw new PokewireError('OVERLOADED', `${maxGroupWaits} requests already wait for groups, which is the limit.`);
  for (;;) {
    const reached = await look(groups, namespace, name, asked.position, asked.stream);
    const leftMs = untilMs - performance.now();
    if (reached.reached || leftMs <= 0 || groups.isStopped || isGone()) return reached;
    await next(groups, key, Math.min(lookEveryMs, leftMs));
  }
}

async function look(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  position: number,
  streamName: string | undefined,
): Promise<Reached> {
  const group = await groups.find(namespace, name);
  const records = await readPartitions(groups, namespace, group);
  const stream = streamName === undefined ? undefined : new StreamName(streamName);
  const only = stream?.owner(group.size);
  let checkpoint = Number.POSITIVE_INFINITY;
  let held = 0;
  let isReached = group.epoch === namespace.log;
  for (const [partition, record] of records.entries()) {
    if (only !== undefined && only !== partition) continue;
    if (record === undefined) {
      isReached = false;
      continue;
    }
    checkpoint = Math.min(checkpoint, record.checkpoint);
    held += record.held.length;
    if (streamName !== undefined && record.held.some((other) => other.stream === streamName)) {
      throw new PokewireError('STREAM_HELD', `The consumer group ${name} holds ${streamName}.`, {
        details: { stream: streamName, group: name },
      });
    }
    isReached &&= await isSettled(groups, namespace, group, partition, record, position);
  }
  return { reached: isReached, checkpoint: Number.isFinite(checkpoint) ? checkpoint : 0, held };
}

/** Whether no message of a partition up to a position lies behind its checkpoint: it moves only when it is acknowledged. */
async function isSettled(
  groups: ConsumerGroups,
  namespace: Namespace,
  { category, size }: Group,
  partition: number,
  record: PartitionRecord,
  position: number,
): Promise<boolean> {
  if (record.checkpoint >= position) return true;
  const member = { member: partition, size };
  const selection = { all: false, streams: [], categories: [category], group: member, fromPosition: 0 };
  const log = groups.logOf(namespace);
  if (record.floors.length === 0) return (await log.last(selection, record.checkpoint, position)) === record.checkpoint;
  const page = await log.pokes(selection, record.checkpoint, 1_000);
  try {
    const isDone = page.pokes.every(
      ({ stream, globalPosition }) =>
        globalPosition > position || isSettledByFloor(record.floors, (other) => stream.owner(other), globalPosition),
    );
    return isDone && page.upTo >= position;
  } finally {
    page.release();
  }
}

/** Resolves at the next acknowledgement on this node, or after `ms`. */
function next(groups: ConsumerGroups, key: string, ms: number): Promise<void> {
  const checks = groups.waiting.getOrInsertComputed(key, () => new Set());
  return new Promise((resolve) => {
    const check = () => {
      clearTimeout(timer);
      checks.delete(check);
      if (checks.size === 0) groups.waiting.delete(key);
      resolve();
    };
    const timer = setTimeout(check, ms);
    checks.add(check);
  });
}
