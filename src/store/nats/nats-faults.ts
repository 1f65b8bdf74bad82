import { PokewireError } from '../../errors.ts';

/** JetStream refused a request and changed nothing. */
export class JetStreamRefusal extends Error {
  override readonly name = 'JetStreamRefusal';
  /** JetStream's error code. */
  readonly code: number;

  constructor(code: number, description: string) {
    super(`${description} (JetStream error ${code})`);
    this.code = code;
  }
}

/** An answer that did not arrive in time; named like the client's own error. */
export class LateAnswer extends Error {
  override readonly name = 'TimeoutError';
}

/** JetStream error codes that the store handles. */
export const refusals = {
  noLeader: 10_008,
  noPeers: 10_005,
  messageNotFound: 10_037,
  consumerNotFound: 10_014,
  streamNotFound: 10_059,
  streamNameInUse: 10_058,
  sealed: 10_109,
  wrongLastSequence: 10_071,
  /** The same, caused by a write still in flight. */
  wrongLastSequenceUnderWay: 10_164,
  duplicateInBatch: 10_201,
  messageTooLarge: 10_054,
} as const;

const noRoom = new Set([
  // No disk space, the limit of the account, or the stream's own `max_bytes` or `max_msgs`.
  10_023, 10_047, 10_028, 10_002, 10_077,
]);

/** Whether the error is this refusal. */
export function isRefusal(error: unknown, reason: keyof typeof refusals): boolean {
  return error instanceof JetStreamRefusal && error.code === refusals[reason];
}

/** Whether another write was first. */
export function isConflict(error: unknown): boolean {
  return isRefusal(error, 'wrongLastSequence') || isRefusal(error, 'wrongLastSequenceUnderWay');
}

/** Whether JetStream is full. */
export function isFull(error: unknown): boolean {
  return error instanceof JetStreamRefusal && noRoom.has(error.code);
}

/** Wraps a failure of NATS as `BACKEND_ERROR`; a coded error is returned unchanged. */
export function storeFault(cause: unknown): PokewireError {
  if (cause instanceof PokewireError) return cause;
  return new PokewireError('BACKEND_ERROR', reasonOf(cause), { cause });
}

/** The part of the cause that callers may see. */
function reasonOf(cause: unknown): string {
  if (isRefusal(cause, 'noLeader')) return 'JetStream has no leader now: too few servers of its cluster are running.';
  if (isRefusal(cause, 'noPeers'))
    return 'JetStream has no room for a stream now: too few servers of its cluster are running.';
  const isLate = cause instanceof Error && cause.name === 'TimeoutError';
  return isLate ? 'NATS did not answer in time.' : 'NATS failed; the server log has the cause.';
}

/** The text of an error. */
export function textOfFault(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error);
}
