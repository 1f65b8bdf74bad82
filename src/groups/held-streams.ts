import {
  type Changed,
  fitErrors,
  type HeldStream,
  isOf,
  maxHeldStreams,
  type PartitionRecord,
  passedUpTo,
} from './partition-record.ts';

/** A failed message, and what to do with its stream. */
export type Failure = {
  readonly stream: string;
  /** Position in its stream. */
  readonly position: number;
  readonly globalPosition: number;
  readonly error: string;
  /** When to retry, milliseconds since 1970-01-01; undefined: park it. */
  readonly retryAtMs: number | undefined;
};

/** Held streams named by an administrator; with a position, only while they are held at that message. */
export type NamedStreams = readonly { readonly stream: string; readonly position?: number | undefined }[];

/** Longest error text stored, in characters. */
const maxErrorLength = 500;

/** Holds a stream, before the checkpoint passes its message. `too-many`: the partition is at its limit. */
export function hold(record: PartitionRecord, generation: number, failure: Failure): Changed | 'too-many' {
  if (!isOf(record, generation)) return undefined;
  const { stream, position, globalPosition, retryAtMs } = failure;
  const old = record.held.find((held) => held.stream === stream);
  // A repeated request that arrived after the message was settled.
  if (old === undefined ? globalPosition <= passedUpTo(record, stream) : old.position > position) return record;
  if (old === undefined && record.held.length >= maxHeldStreams) return 'too-many';
  const attempts = old?.position === position ? old.attempts + 1 : 1;
  const error = failure.error.slice(0, maxErrorLength);
  return put(record, { stream, position, attempts, retryAtMs, error });
}

/**
 * Settles a held stream up to a position. `next`: the first later message that its worker has skipped; the stream is
 * then held at it. Undefined if no message was skipped: the stream is released.
 */
export function settle(
  record: PartitionRecord,
  generation: number,
  { stream, position }: { readonly stream: string; readonly position: number },
  next: number | undefined,
  nowMs: number,
): Changed {
  if (!isOf(record, generation)) return undefined;
  const old = record.held.find((held) => held.stream === stream);
  // Already settled; the stream is now held at a later message.
  if (old === undefined || old.position > position) return record;
  if (next === undefined) return { ...record, held: record.held.filter((held) => held !== old) };
  return put(record, { stream, position: next, attempts: 0, retryAtMs: nowMs, error: '' });
}

/**
 * Skips the message at which each named parked stream is held; undefined: all of them. They stay held until their
 * worker settles them, because only the worker knows which of their messages it has skipped.
 */
export function skip(record: PartitionRecord, named: NamedStreams | undefined, nowMs: number): Changed {
  if (record.isSealed) return undefined;
  // A stream waiting for a retry advances without the administrator, so a message that the administrator has not seen
  // might be skipped.
  const isMeant = (held: HeldStream) => held.retryAtMs === undefined && isNamed(held, named);
  if (!record.held.some(isMeant)) return undefined;
  const skipped = record.held.map((held) =>
    isMeant(held) ? { ...held, position: held.position + 1, attempts: 0, retryAtMs: nowMs, error: '' } : held,
  );
  return { ...record, held: skipped };
}

/** Makes the named streams due at once, parked or not; undefined: all of them. */
export function replay(record: PartitionRecord, named: NamedStreams | undefined, nowMs: number): Changed {
  if (record.isSealed) return undefined;
  const isMeant = (held: HeldStream) =>
    isNamed(held, named) && (held.retryAtMs === undefined || held.retryAtMs > nowMs);
  if (!record.held.some(isMeant)) return undefined;
  return { ...record, held: record.held.map((held) => (isMeant(held) ? { ...held, retryAtMs: nowMs } : held)) };
}

/** Moves a held stream from a deleted message to `next`. Undefined: it is no longer held there. */
export function passErased(
  record: PartitionRecord,
  { stream, position }: Pick<HeldStream, 'stream' | 'position'>,
  next: number,
  nowMs: number,
): Changed {
  const waits = record.held.some((held) => held.stream === stream && held.position === position);
  if (record.isSealed || !waits) return undefined;
  return put(record, { stream, position: next, attempts: 0, retryAtMs: nowMs, error: '' });
}

/** Held streams to retry now. */
export function due(record: PartitionRecord, nowMs: number): readonly HeldStream[] {
  return record.held.filter(({ retryAtMs }) => retryAtMs !== undefined && retryAtMs <= nowMs);
}

function isNamed(held: HeldStream, named: NamedStreams | undefined): boolean {
  if (named === undefined) return true;
  return named.some(({ stream, position = held.position }) => stream === held.stream && position === held.position);
}

function put(record: PartitionRecord, changed: HeldStream): PartitionRecord {
  return { ...record, held: fitErrors([...record.held.filter(({ stream }) => stream !== changed.stream), changed]) };
}
