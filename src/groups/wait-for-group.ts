import { PokewireError } from '../errors.ts';
import { StreamName } from '../message/stream-name.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { currentPartitions } from './describe-group.ts';
import type { Group } from './group.ts';
import { isSettledByFloor, type PartitionRecord } from './partition-record.ts';
import { groupKey } from './record-keys.ts';

/** How often records are read, for acknowledgements to other nodes. */
const lookEveryMs = 250;

/** Maximum number of waiting requests, over all groups. */
export const maxGroupWaits = 1_000;

type Reached = { readonly reached: boolean; readonly checkpoint: number; readonly held: number };

type Asked = { readonly position: number; readonly stream: string | undefined };

/**
 * Waits until a group has settled everything up to a global position, or everything of one stream. Throws `STREAM_HELD`
 * if the stream is held, because that may take any length of time.
 */
export async function waitForGroup(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  asked: Asked & { readonly timeoutMs: number },
  isGone: () => boolean,
): Promise<Reached> {
  const key = groupKey(namespace.uid, name);
  const untilMs = performance.now() + asked.timeoutMs;
  let waits = 0;
  for (const checks of groups.waiting.values()) waits += checks.size;
  if (waits >= maxGroupWaits)
    throw new PokewireError('OVERLOADED', `${maxGroupWaits} requests already wait for groups, which is the limit.`);
  const wait = new GroupWait(groups, namespace, name, asked);
  for (;;) {
    const reached = await wait.look();
    const leftMs = untilMs - performance.now();
    if (reached.reached || leftMs <= 0 || groups.isStopped || isGone()) return reached;
    await next(groups, key, Math.min(lookEveryMs, leftMs));
  }
}

/** A waiting request. Each time it checks only the partitions that were not settled before. */
class GroupWait {
  readonly #groups: ConsumerGroups;
  readonly #namespace: Namespace;
  readonly #name: string;
  readonly #asked: Asked;
  /** The layout that the partitions belong to. */
  #layout = '';
  #open = new Set<number>();
  readonly #seen = new Map<number, PartitionRecord>();

  constructor(groups: ConsumerGroups, namespace: Namespace, name: string, asked: Asked) {
    this.#groups = groups;
    this.#namespace = namespace;
    this.#name = name;
    this.#asked = asked;
  }

  async look(): Promise<Reached> {
    const groups = this.#groups;
    const group = await (groups.isShared
      ? groups.find(this.#namespace, this.#name)
      : groups.known(this.#namespace, this.#name));
    this.#begin(group);
    const open = [...this.#open];
    const records = await currentPartitions(groups, this.#namespace, group, open);
    for (const [index, partition] of open.entries()) {
      const record = records[index];
      if (record !== undefined) await this.#take(group, partition, record);
    }
    const seen = [...this.#seen.values()];
    return {
      reached: this.#open.size === 0 && group.epoch === this.#namespace.log,
      checkpoint: seen.length === 0 ? 0 : Math.min(...seen.map(({ checkpoint }) => checkpoint)),
      held: seen.reduce((sum, { held }) => sum + held.length, 0),
    };
  }

  /** Starts over after a resize or reset has replaced the partitions. */
  #begin({ id, layout, size, partitions }: Group): void {
    if (this.#layout === `${id}/${layout}`) return;
    const { stream } = this.#asked;
    this.#layout = `${id}/${layout}`;
    this.#seen.clear();
    this.#open = new Set(stream === undefined ? partitions.keys() : [new StreamName(stream).owner(size)]);
    // Streams without an id are never handled.
    this.#open.delete(-1);
  }

  async #take(group: Group, partition: number, record: PartitionRecord): Promise<void> {
    const { stream, position } = this.#asked;
    const before = this.#seen.get(partition);
    this.#seen.set(partition, record);
    if (stream !== undefined && record.held.some((held) => held.stream === stream)) {
      throw new PokewireError('STREAM_HELD', `The consumer group ${this.#name} holds ${stream}.`, {
        details: { stream, group: this.#name },
      });
    }
    if (before?.checkpoint === record.checkpoint) return;
    if (await this.#isSettled(group, partition, record, position)) this.#open.delete(partition);
  }

  /** Whether a partition has no message between its checkpoint and the position; the checkpoint only moves with acknowledgements. */
  async #isSettled(
    { category, size }: Group,
    partition: number,
    record: PartitionRecord,
    position: number,
  ): Promise<boolean> {
    if (record.checkpoint >= position) return true;
    const member = { member: partition, size };
    const selection = { all: false, streams: [], categories: [category], group: member, fromPosition: 0 };
    const log = this.#groups.logOf(this.#namespace);
    if (record.floors.length === 0)
      return (await log.last(selection, record.checkpoint, position)) === record.checkpoint;
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
