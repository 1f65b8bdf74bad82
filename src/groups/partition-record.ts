import { StreamName } from '../message/stream-name.ts';

/** What is settled of a partition. Pure functions change it; each change is one compare-and-set of its record. */
export type PartitionRecord = {
  /** Whose acknowledgements are taken; 0: nobody's yet. */
  readonly generation: number;
  /** Everything up to this global position is settled, but for the streams that are held. */
  readonly checkpoint: number;
  /** What was settled beyond the checkpoint by partitions of former layouts. */
  readonly floors: readonly Floor[];
  readonly held: readonly HeldStream[];
  /** Its layout has ended, so it no longer changes. */
  readonly isSealed: boolean;
  /** When the checkpoint last moved, milliseconds since 1970. */
  readonly lastAckMs: number | undefined;
  /** What retention last took before it was settled, global positions, both inclusive. Its owner may still have to be told. */
  readonly forgotten?: { readonly from: number; readonly to: number } | undefined;
};

/** Messages up to `upTo` are settled of the streams that this member of this size owns. */
export type Floor = { readonly size: number; readonly partition: number; readonly upTo: number };

/** A stream whose message at `position` failed: it and what lies behind it wait. */
export type HeldStream = {
  readonly stream: string;
  readonly position: number;
  /** Tries that failed. */
  readonly attempts: number;
  /** When to try again, milliseconds since 1970; undefined: parked until somebody says so. */
  readonly retryAtMs: number | undefined;
  readonly error: string;
};

/** A change of a record; undefined: it may not be made. */
export type Changed = PartitionRecord | undefined;

export const maxHeldStreams = 100;
/** Streams of all partitions. Requests that run at the same time count the same records, so they may exceed it slightly. */
export const maxGroupHeldStreams = 1_000;

export function newPartition(checkpoint: number): PartitionRecord {
  return { generation: 0, checkpoint, floors: [], held: [], isSealed: false, lastAckMs: undefined };
}

/** Fences every earlier generation, in the step that reads the checkpoint from which this one goes on. */
export function open(record: PartitionRecord, generation: number): Changed {
  if (record.isSealed || record.generation > generation) return undefined;
  return record.generation === generation ? record : { ...record, generation };
}

/** Settles everything up to a global position. Undefined: another generation is current. An earlier position changes nothing. */
export function acknowledge(record: PartitionRecord, generation: number, position: number, nowMs: number): Changed {
  if (!isOf(record, generation)) return undefined;
  if (position <= record.checkpoint) return record;
  const floors = record.floors.filter(({ upTo }) => upTo > position);
  return { ...record, checkpoint: position, floors, lastAckMs: nowMs };
}

export function seal(record: PartitionRecord): PartitionRecord {
  return record.isSealed ? record : { ...record, isSealed: true };
}

/** Moves on behind what the store has forgotten. */
export function skipForgotten(record: PartitionRecord, upTo: number): Changed {
  if (record.isSealed || record.checkpoint >= upTo) return undefined;
  const floors = record.floors.filter((floor) => floor.upTo > upTo);
  return { ...record, checkpoint: upTo, floors, forgotten: { from: record.checkpoint + 1, to: upTo } };
}

/** Whether this generation may change the record. */
export function isOf(record: PartitionRecord, generation: number): boolean {
  return !record.isSealed && record.generation === generation;
}

/** A partition of the previous layout, sealed. */
type Predecessor = { readonly partition: number; readonly record: PartitionRecord };

/**
 * The first record of a partition of a new layout: it begins at the lowest checkpoint of those that had its streams, and knows
 * what the others had settled beyond. `owns`: whether it owns a stream.
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
  return { ...newPartition(checkpoint), floors: floors.filter(({ upTo }) => upTo > checkpoint), held };
}

/** Position up to which messages of a stream are settled, ignoring holds: the checkpoint, or a floor beyond it. */
export function passedUpTo({ checkpoint, floors }: PartitionRecord, stream: string): number {
  const name = new StreamName(stream);
  const passed = floors.filter(({ size, partition }) => name.owner(size) === partition).map(({ upTo }) => upTo);
  return Math.max(checkpoint, ...passed);
}

/** Whether a floor says that a message is settled. `owner`: the member of a group of a size that owns its stream. */
export function isSettledByFloor(
  floors: readonly Floor[],
  owner: (size: number) => number,
  globalPosition: number,
): boolean {
  return floors.some(({ size, partition, upTo }) => globalPosition <= upTo && owner(size) === partition);
}
