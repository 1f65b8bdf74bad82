import { invalid, PokewireError } from '../errors.ts';
import { StreamName } from '../message/stream-name.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { readPartitions } from './describe-group.ts';
import { epochOf, type Group, ownershipOf } from './group.ts';
import type { Held } from './ownership.ts';
import {
  type HeldStream,
  heldBytes,
  maxGroupHeldBytes,
  maxGroupHeldStreams,
  maxHeldStreams,
} from './partition-record.ts';
import type { OwnerOutcome } from './partitions.ts';
import { groupKey } from './record-keys.ts';

const makeRoom = 'Wait until workers have settled some, or skip the messages at which they are parked.';

/** Settles a partition up to a global position, in one generation. */
export type Acknowledgement = Held & { readonly position: number };

export type Acknowledged = {
  readonly acked: readonly Acknowledgement[];
  readonly fenced: readonly (Held & { readonly current: number })[];
};

/** Durably settles partitions up to positions. */
export async function acknowledge(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  acks: readonly Acknowledgement[],
): Promise<Acknowledged> {
  const group = await groups.known(namespace, name);
  const isOfLog = ({ layout }: Acknowledgement) => epochOf(group, layout) === namespace.log;
  const own = acks.filter(isOfLog);
  await refuseAhead(groups, namespace, name, group, own);
  const outcomes = await Promise.all(
    own.map(async (ack) => {
      const key = groups.partitionKey(namespace, group, ack.layout, ack.partition);
      return { ack, outcome: await groups.node.partitions.acknowledge(key, ack.generation, ack.position) };
    }),
  );
  const acked: Acknowledgement[] = [];
  const fenced = acks.filter((ack) => !isOfLog(ack)).map((ack) => ({ ...held(ack), current: 0 }));
  for (const { ack, outcome } of outcomes) {
    if (outcome.outcome === 'done') acked.push({ ...held(ack), position: ack.position });
    else fenced.push({ ...held(ack), current: outcome.current });
  }
  groups.counts.acknowledged += acked.length;
  groups.counts.fenced += fenced.length;
  if (acked.length > 0) noteSettled(groups, namespace, name);
  return { acked, fenced };
}

/** Acknowledges partitions, then releases them to their next owners. */
export async function release(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  session: string,
  releases: readonly Acknowledgement[],
): Promise<void> {
  await acknowledge(groups, namespace, name, releases);
  for (const { layout, partition, generation } of releases) {
    await groups.node.release(groups.nameOf(namespace, name), session, { layout, partition, generation });
  }
}

/** A request to hold a stream whose message failed. */
type HoldRequest = Held & {
  readonly stream: string;
  readonly position: number;
  readonly error: string;
  /** Undefined: park it. */
  readonly retryInMs: number | undefined;
};

/**
 * Holds a stream. Returns false if the message was settled, or deleted by retention, in the meantime. Throws `FENCED`
 * or `TOO_MANY_HELD`.
 */
export async function hold(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  request: HoldRequest,
): Promise<boolean> {
  const { stream, position, error, retryInMs } = request;
  const group = await groups.known(namespace, name);
  refuseNewLog(group, namespace, request);
  const size = request.layout === group.layout ? group.size : group.previous?.size;
  const streamName = new StreamName(stream);
  if (streamName.category !== group.category || (size !== undefined && streamName.owner(size) !== request.partition)) {
    throw invalid('stream', `must be of partition ${request.partition}`);
  }
  const log = groups.logOf(namespace);
  const message = (await log.readStream(stream, { position }, 1)).messages[0];
  const isThere = message?.position === position;
  if (!isThere && position > (await log.version(stream))) {
    throw invalid('position', `must be that of a message of ${stream}`);
  }
  // If the message was erased in the meantime, it is retried at once; its worker then finds no message, and settles it.
  const globalPosition = isThere ? message.globalPosition : Number.POSITIVE_INFINITY;
  const delayMs = isThere ? retryInMs : 0;
  const retryAtMs = delayMs === undefined ? undefined : Date.now() + delayMs;
  await refuseTooManyHeld(groups, namespace, group, stream);
  const key = groups.partitionKey(namespace, group, request.layout, request.partition);
  const failure = { stream, position, globalPosition, error, retryAtMs };
  const outcome = await groups.node.partitions.hold(key, request.generation, failure);
  if (outcome === 'too-many') {
    throw new PokewireError(
      'TOO_MANY_HELD',
      `Partition ${request.partition} holds ${maxHeldStreams} streams, which is the limit. ${makeRoom}`,
      { details: { partition: request.partition, maxHeldStreams } },
    );
  }
  const { held } = refuseFenced(groups, outcome, request);
  return held.some((other) => other.stream === stream);
}

/** Throws `TOO_MANY_HELD` at the limits of the group, unless the stream is already held. */
async function refuseTooManyHeld(
  groups: ConsumerGroups,
  namespace: Namespace,
  group: Group,
  stream: string,
): Promise<void> {
  const held = (await readPartitions(groups, namespace, group)).flatMap((record) => record?.held ?? []);
  if (held.some((other) => other.stream === stream)) return;
  if (held.length >= maxGroupHeldStreams) {
    throw new PokewireError(
      'TOO_MANY_HELD',
      `The group holds ${maxGroupHeldStreams} streams, which is the limit. ${makeRoom}`,
      { details: { maxGroupHeldStreams } },
    );
  }
  if (heldBytes(held) + Buffer.byteLength(stream) > maxGroupHeldBytes) {
    throw new PokewireError(
      'TOO_MANY_HELD',
      `The names of held streams and their positions take ${maxGroupHeldBytes} bytes, which is the limit of a group. ${makeRoom}`,
      { details: { maxGroupHeldBytes } },
    );
  }
}

/**
 * Settles a held stream up to a position; `upTo`: later messages up to this global position were skipped and are still
 * to be handled.
 */
export async function settle(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  request: Held & { readonly stream: string; readonly position: number; readonly upTo: number },
): Promise<HeldStream | undefined> {
  const group = await groups.known(namespace, name);
  refuseNewLog(group, namespace, request);
  const { stream, position, upTo } = request;
  const log = groups.logOf(namespace);
  const key = groups.partitionKey(namespace, group, request.layout, request.partition);
  const outcome = await groups.node.partitions.settle(key, request.generation, { stream, position }, async (passed) => {
    const { messages } = await log.readStream(stream, { position: position + 1 }, 1);
    const next = messages[0];
    return next !== undefined && next.globalPosition <= Math.max(passed, upTo) ? next.position : undefined;
  });
  const record = refuseFenced(groups, outcome, request);
  noteSettled(groups, namespace, name);
  return record.held.find((other) => other.stream === stream);
}

/** Wakes requests that wait for the group. */
function noteSettled(groups: ConsumerGroups, namespace: Namespace, name: string): void {
  for (const check of groups.waiting.get(groupKey(namespace.uid, name)) ?? []) check();
}

/** The error for a request with an outdated generation. */
export function fencedError({ partition, generation }: Held, current: number): PokewireError {
  return new PokewireError('FENCED', `Partition ${partition} is in generation ${current}, not ${generation}.`, {
    details: { partition, generation, current },
  });
}

function refuseFenced(groups: ConsumerGroups, outcome: OwnerOutcome, request: Held) {
  if (outcome.outcome === 'done') return outcome.record;
  groups.counts.fenced++;
  throw fencedError(request, outcome.current);
}

function refuseNewLog(group: Group, { log }: Namespace, request: Held): void {
  if (epochOf(group, request.layout) !== log) throw fencedError(request, 0);
}

/** Refuses acknowledgements beyond the head. Ignores fenced ones. */
async function refuseAhead(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  known: Group,
  acks: readonly Acknowledgement[],
): Promise<void> {
  const isOwned = (group: Group) => (ack: Acknowledgement) =>
    ownershipOf(group, ack.layout, ack.partition)?.generation === ack.generation;
  // Another node may have assigned a newer generation.
  const group = acks.every(isOwned(known)) ? known : await groups.find(namespace, name);
  const position = Math.max(0, ...acks.filter(isOwned(group)).map((ack) => ack.position));
  const feed = groups.knownFeed(namespace);
  if (position === 0 || (feed !== undefined && position <= feed.head)) return;
  const { head } = await groups.logOf(namespace).bounds();
  if (position > head) throw invalid('position', `must be at most the head, which is ${head}`);
}

function held({ layout, partition, generation }: Held): Held {
  return { layout, partition, generation };
}
