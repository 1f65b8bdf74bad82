import {
  type Changed,
  type HeldStream,
  isOf,
  maxHeldStreams,
  type PartitionRecord,
  passedUpTo,
} from './partition-record.ts';

/** A message that failed, and what is to become of its stream. */
export type Failure = {
  readonly stream: string;
  /** In its stream. */
  readonly position: number;
  readonly globalPosition: number;
  readonly error: string;
  /** When to try again, milliseconds since 1970; undefined: parked. */
  readonly retryAtMs: number | undefined;
};

/** Held streams that an administrator names: by name, or only while they wait at the message that the administrator saw. */
export type NamedStreams = readonly { readonly stream: string; readonly position?: number | undefined }[];

/** Bytes of an error's text that are kept. */
const maxErrorLength = 500;

/** Holds a stream, before the checkpoint passes its message. `too-many`: the partition holds as many as it may. */
export function hold(record: PartitionRecord, generation: number, failure: Failure): Changed | 'too-many' {
  if (!isOf(record, generation)) return undefined;
  const { stream, position, globalPosition, retryAtMs } = failure;
  const old = record.held.find((held) => held.stream === stream);
  // A request that was repeated, and arrives when it is settled.
  if (old === undefined ? globalPosition <= passedUpTo(record, stream) : old.position > position) return record;
  if (old === undefined && record.held.length >= maxHeldStreams) return 'too-many';
  const attempts = old?.position === position ? old.attempts + 1 : 1;
  const error = failure.error.slice(0, maxErrorLength);
  return put(record, { stream, position, attempts, retryAtMs, error });
}

/**
 * Settles the messages of a held stream up to a position. `next` is the first one behind it that its worker has passed by; it
 * waits on. Undefined: there is none, and the stream is no longer held.
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
  // Settled before; what is held by now lies behind it.
  if (old === undefined || old.position > position) return record;
  if (next === undefined) return { ...record, held: record.held.filter((held) => held !== old) };
  return put(record, { stream, position: next, attempts: 0, retryAtMs: nowMs, error: '' });
}

/**
 * Skips the message that each of the named parked streams waits at; undefined: all of them. They stay held, because their worker, who alone
 * knows which of their messages it has passed by, settles them.
 */
export function skip(record: PartitionRecord, named: NamedStreams | undefined, nowMs: number): Changed {
  if (record.isSealed) return undefined;
  // A stream with a pending retry advances by itself, so a message that the administrator did not see would be skipped.
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

/** Moves a held stream to `next` from a message that is no more. Undefined: it does not wait there any more. */
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

/** Held streams that are to be tried now. */
export function due(record: PartitionRecord, nowMs: number): readonly HeldStream[] {
  return record.held.filter(({ retryAtMs }) => retryAtMs !== undefined && retryAtMs <= nowMs);
}

function isNamed(held: HeldStream, named: NamedStreams | undefined): boolean {
  if (named === undefined) return true;
  return named.some(({ stream, position = held.position }) => stream === held.stream && position === held.position);
}

function put(record: PartitionRecord, changed: HeldStream): PartitionRecord {
  return { ...record, held: [...record.held.filter(({ stream }) => stream !== changed.stream), changed] };
}
