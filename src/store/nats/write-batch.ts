import { randomBytes } from 'node:crypto';
import { isConflict, isRefusal } from './nats-faults.ts';
import type { HeaderValues, NatsLink, PublishAnswer } from './nats-link.ts';
import { messageHeaders, type Written } from './stored-message.ts';

/** Maximum number of messages in an atomic batch; the server's own limit. */
export const maxBatchMessages = 1_000;

const expectedLast = 'Nats-Expected-Last-Subject-Sequence';

/** Higher than any stream can reach, so a message that expects it is refused. */
const neverReached = '9000000000000000';

/** An append without an answer after this time counts as unanswered. */
export const writeMs = 2_000;

/**
 * Writes messages of one subject atomically, if the subject's last message still has the sequence number `last`;
 * resolves to the number of the last one written. Uses plain publishes, because the client's `startBatch` drops
 * expectations and errors.
 */
export function writeArray(
  link: NatsLink,
  subject: string,
  messages: readonly Written[],
  last: number,
  timeoutMs: number,
): Promise<PublishAnswer> {
  // Only a subject's first message may have an expectation.
  const all = messages.map(({ headers, payload }, index) => ({
    subject,
    headers: index === 0 ? { ...headers, ...expecting(last) } : headers,
    payload,
  }));
  return commitBatch(link, all, Math.min(writeMs, timeoutMs));
}

/** Like {@link writeBatch}, for one message without a batch. */
export function writeAlone(
  link: NatsLink,
  subject: string,
  { headers, payload }: Written,
  last: number,
  timeoutMs: number,
): Promise<PublishAnswer> {
  return link.write(subject, payload, { ...headers, ...expecting(last) }, Math.min(writeMs, timeoutMs));
}

/** One message of a batch. */
export type BatchMember = {
  readonly subject: string;
  readonly headers: HeaderValues;
  readonly payload: Uint8Array | string;
};

/** Writes messages of one JetStream stream atomically, possibly to several subjects, in one round trip. */
export function commitBatch(
  link: NatsLink,
  members: readonly BatchMember[],
  timeoutMs: number,
): Promise<PublishAnswer> {
  // Short, because it is stored with every message.
  const id = randomBytes(9).toString('base64url');
  for (const [index, { subject, headers, payload }] of members.entries()) {
    const inBatch = { ...headers, 'Nats-Batch-Id': id, 'Nats-Batch-Sequence': index + 1 };
    if (index === members.length - 1) {
      return link.write(subject, payload, { ...inBatch, 'Nats-Batch-Commit': 1 }, timeoutMs);
    }
    link.publish(subject, payload, link.headers(inBatch));
  }
  throw new Error('a batch needs at least one message');
}

/** The header that expects the subject's last message to have this sequence number; 0: none. */
export function expecting(last: number): HeaderValues {
  return { [expectedLast]: last };
}

/**
 * Whether the server knows one of these ids within its duplicate window. Writes nothing: the server refuses the batch
 * because of a known id, or otherwise because of its last message's expectation.
 */
export async function knowsOneOf(link: NatsLink, scratch: string, ids: readonly string[]): Promise<boolean> {
  const probes = ids.slice(0, maxBatchMessages - 1).map((id) => ({
    subject: scratch,
    headers: { [messageHeaders.id]: id },
    payload: '',
  }));
  const refused = { subject: `${scratch}%`, headers: { [expectedLast]: neverReached }, payload: '' };
  try {
    await commitBatch(link, [...probes, refused], writeMs);
    throw new Error('JetStream committed a batch whose expectation cannot hold');
  } catch (error) {
    if (isRefusal(error, 'duplicateInBatch')) return true;
    if (isConflict(error)) return false;
    throw error;
  }
}

/** The first of these ids that the server knows; undefined: none. */
export async function firstKnownOf(
  link: NatsLink,
  scratch: string,
  ids: readonly string[],
): Promise<string | undefined> {
  if (ids.length === 0 || !(await knowsOneOf(link, scratch, ids))) return undefined;
  let low = 0;
  for (let high = ids.length; high - low > 1; ) {
    const middle = (low + high) >>> 1;
    if (await knowsOneOf(link, scratch, ids.slice(low, middle))) high = middle;
    else low = middle;
  }
  return ids[low];
}
