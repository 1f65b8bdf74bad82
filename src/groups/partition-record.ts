import { StreamName } from '../message/stream-name.ts';

/** Progress of a partition. Pure functions change it; each change is one compare-and-set of its record. */
export type PartitionRecord = {
  /** Generation whose acknowledgements are accepted; 0: none yet. */
  readonly generation: number;
  /** Everything up to this global position is settled, except for held streams. */
  readonly checkpoint: number;
  /** Messages beyond the checkpoint that partitions of previous layouts settled. */
  readonly floors: readonly Floor[];
  readonly held: readonly HeldStream[];
  /** Whether its layout has ended, so that it no longer changes. */
  readonly isSealed: boolean;
  /** When the checkpoint last moved, milliseconds since 1970-01-01. */
  readonly lastAckMs: number | undefined;
  /**
   * Global positions, inclusive, that retention deleted before they were settled. The owner may not have been notified
   * yet.
   */
  readonly forgotten?: { readonly from: number; readonly to: number } | undefined;
};

/** Messages up to `upTo` are settled in the streams that this partition of this size owns. */
export type Floor = { readonly size: number; readonly partition: number; readonly upTo: number };

/** A stream whose message at `position` failed; that message and later ones wait. */
export type HeldStream = {
  readonly stream: string;
  readonly position: number;
  /** Number of failed attempts. */
  readonly attempts: number;
  /** When to retry, milliseconds since 1970-01-01; undefined: parked until an administrator acts. */
  readonly retryAtMs: number | undefined;
  readonly error: string;
};

/** The changed record; undefined: the change is not permitted. */
export type Changed = PartitionRecord | undefined;

export const maxHeldStreams = 100;
/** Maximum number of floors that a resize may leave to a partition, so that its record stays far below the limit of the store. */
export const maxFloors = 2_048;
/** Limit for all partitions together. Concurrent requests count the same records, so they may exceed it slightly. */
export const maxGroupHeldStreams = 1_000;
/**
 * The same for the bytes of held streams without their error texts. A resize may bring all held streams of a group into one record,
 * where they and the maximum number of floors must stay below the limit of the store.
 */
export const maxGroupHeldBytes = 230_000;

export function newPartition(checkpoint: number): PartitionRecord {
  return { generation: 0, checkpoint, floors: [], held: [], isSealed: false, lastAckMs: undefined };
}

/** Fences every earlier generation, in the same step that reads the checkpoint this one continues from. */
export function open(record: PartitionRecord, generation: number): Changed {
  if (record.isSealed || record.generation > generation) return undefined;
  return record.generation === generation ? record : { ...record, generation };
}

/** Settles everything up to a global position. Undefined: the generation is not current. An earlier position changes nothing. */
export function acknowledge(record: PartitionRecord, generation: number, position: number, nowMs: number): Changed {
  if (!isOf(record, generation)) return undefined;
  if (position <= record.checkpoint) return record;
  const floors = record.floors.filter(({ upTo }) => upTo > position);
  return { ...record, checkpoint: position, floors, lastAckMs: nowMs };
}

export function seal(record: PartitionRecord): PartitionRecord {
  return record.isSealed ? record : { ...record, isSealed: true };
}

/** Moves the checkpoint past messages deleted by retention. */
export function skipForgotten(record: PartitionRecord, upTo: number): Changed {
  if (record.isSealed || record.checkpoint >= upTo) return undefined;
  const floors = record.floors.filter((floor) => floor.upTo > upTo);
  return { ...record, checkpoint: upTo, floors, forgotten: { from: record.checkpoint + 1, to: upTo } };
}

/** Whether this generation may change the record. */
export function isOf(record: PartitionRecord, generation: number): boolean {
  return !record.isSealed && record.generation === generation;
}

/** Bytes of held streams as JSON, without their error texts. */
export function heldBytes(held: readonly HeldStream[]): number {
  return jsonBytes(shortened(held, 0));
}

/** Shortens the error texts until held streams fit into a record. */
export function fitErrors(held: readonly HeldStream[]): readonly HeldStream[] {
  let fitting = held;
  for (const length of [250, 100, 50, 20, 0]) {
    if (jsonBytes(fitting) <= maxGroupHeldBytes) break;
    fitting = shortened(held, length);
  }
  return fitting;
}

function shortened(held: readonly HeldStream[], length: number): HeldStream[] {
  return held.map((one) => ({ ...one, error: one.error.slice(0, length) }));
}

function jsonBytes(held: readonly HeldStream[]): number {
  return Buffer.byteLength(JSON.stringify(held));
}

/** A sealed partition of the previous layout. */
type Predecessor = { readonly partition: number; readonly record: PartitionRecord };

/**
 * The first record of a partition in a new layout. It starts at the lowest checkpoint among its predecessors, and
 * records what the others settled beyond it. `owns`: whether it owns a stream.
 */
export function succeed(
  size: number,
  predecessors: readonly Predecessor[],
  owns: (stream: string) => boolean,
): PartitionRecord {
  const checkpoint = Math.min(...predecessors.map(({ record }) => record.checkpoint));
  const floors = predecessors.flatMap(({ partition, record }) => [
    { size, partition, upTo: record.checkpoint },
    ...record.floors,
  ]);
  const held = predecessors.flatMap(({ record }) => record.held.filter(({ stream }) => owns(stream)));
  return {
    ...newPartition(checkpoint),
    floors: highestFloors(floors.filter(({ upTo }) => upTo > checkpoint)),
    held: fitErrors(held),
  };
}

/**
 * The highest floor of each member of each size. Predecessors inherited floors of the same former partitions, so without this their
 * number would double with each resize that comes before the checkpoint has advanced.
 */
export function highestFloors(floors: readonly Floor[]): Floor[] {
  const highest = new Map<string, Floor>();
  for (const floor of floors) {
    const member = `${floor.size}/${floor.partition}`;
    if (floor.upTo > (highest.get(member)?.upTo ?? 0)) highest.set(member, floor);
  }
  return [...highest.values()];
}

/** Position up to which messages of a stream are settled apart from holds: the checkpoint, or a floor beyond it. */
export function passedUpTo({ checkpoint, floors }: PartitionRecord, stream: string): number {
  const name = new StreamName(stream);
  const passed = floors.filter(({ size, partition }) => name.owner(size) === partition).map(({ upTo }) => upTo);
  return Math.max(checkpoint, ...passed);
}

/** Whether a floor covers a message. `owner`: the partition, for a given size, that owns its stream. */
export function isSettledByFloor(
  floors: readonly Floor[],
  owner: (size: number) => number,
  globalPosition: number,
): boolean {
  return floors.some(({ size, partition, upTo }) => globalPosition <= upTo && owner(size) === partition);
}
