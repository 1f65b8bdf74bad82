import { StreamName } from '../message/stream-name.ts';
import type { Group } from './group.ts';
import type { GroupNode } from './group-node.ts';
import type { WatchedGroup } from './group-state.ts';
import { due } from './held-streams.ts';
import type { MemberSession, Retried } from './member-session.ts';
import { detach, remove } from './membership.ts';
import { type Held, letGo, noteReady, noteSealed, predecessors } from './ownership.ts';
import { newPartition, type PartitionRecord, succeed } from './partition-record.ts';
import { isHeldBy, missingKey, type Step, toldKey } from './reconcile.ts';
import { layoutPrefix, partitionKey } from './record-keys.ts';
import { removeRecords } from './records.ts';

/**
 * Runs a step. Returns undefined if it is complete; otherwise resolves to whether the group must be reconciled again.
 * Each compare-and-set repeats the checks behind the decision: the same connection and the same generation.
 */
export function doStep(node: GroupNode, watched: WatchedGroup, step: Step): Promise<boolean> | undefined {
  switch (step.do) {
    case 'drop': {
      const session = watched.sessions.get(step.session)!;
      session.end(watched.group.state === 'deleted' ? 'group-deleted' : step.isMember ? 'superseded' : 'fenced');
      node.drop(watched, session);
      return undefined;
    }
    case 'end-evicted':
      watched.sessions.get(step.session)!.end('fenced');
      return undefined;
    case 'detach':
      return changed(node, watched, 'leave', (group) => detach(group, step.session, step.attempt));
    case 'expire': {
      const session = watched.sessions.get(step.session)!;
      // From here on no lease is confirmed, because the next owner of its partitions may be notified before this
      // worker.
      session.isExpiring = true;
      session.end('fenced');
      return changed(node, watched, 'expire', (group) => {
        return isHere(node, group, step.session, step.attempt) && remove(group, [step.session]);
      });
    }
    case 'open':
      return open(node, watched, watched.sessions.get(step.session)!, step);
    case 'revoke':
      revoke(node, watched, watched.sessions.get(step.session)!, step);
      return undefined;
    case 'forget': {
      // Its worker is told to release before it gets another lease, so it starts no handlers, whatever that lease covers.
      const session = watched.sessions.get(step.session)!;
      const told = session.told.get(toldKey(step))!;
      session.told.delete(toldKey(step));
      node.options.toldChanged(watched, session, told);
      return undefined;
    }
    case 'stop':
      watched.sessions.get(step.session)!.told.get(toldKey(step))!.isStopped = true;
      return undefined;
    case 'force': {
      const { attempt } = watched.sessions.get(step.session)!;
      return changed(node, watched, 'forced', (group) => {
        return (
          isHere(node, group, step.session, attempt) &&
          isHeldBy(group, step.session, step) &&
          letGo(group, step.session, step)
        );
      });
    }
    case 'seal':
      return seal(node, watched, step);
    case 'make-ready':
      return makeReady(node, watched, step);
    case 'note-missing':
      watched.missingSinceMs.set(missingKey(step.session, step.attempt), node.options.now());
      return undefined;
    case 'remove-missing':
      return changed(node, watched, 'expire', (group) => {
        const member = group.members[step.session];
        if (member?.node !== step.node || member.attempt !== step.attempt) return false;
        return !watched.sessions.has(step.session) && remove(group, [step.session]);
      });
    case 'declare-dead':
      return node.health
        .declareDead(step.node, step.revision)
        .then((isDead) => isDead && removeNode(node, watched, step.node));
    case 'remove-dead':
      return removeNode(node, watched, step.node);
  }
}

async function changed(
  node: GroupNode,
  watched: WatchedGroup,
  why: 'leave' | 'expire' | 'forced' | 'resize',
  edit: (draft: Group) => boolean,
): Promise<boolean> {
  const { isChanged } = await node.change(watched.name, why, (draft) => node.health.validMs > 0 && edit(draft));
  return isChanged;
}

function removeNode(node: GroupNode, watched: WatchedGroup, dead: string): Promise<boolean> {
  return changed(node, watched, 'expire', (group) => {
    const sessions = Object.keys(group.members).filter((session) => group.members[session]!.node === dead);
    return remove(group, sessions);
  });
}

/** Fences the previous owner, then assigns the partition. After a crash in between, the next node repeats both. */
async function open(node: GroupNode, watched: WatchedGroup, session: MemberSession, held: Held): Promise<boolean> {
  const { name, group } = watched;
  const { layout, partition, generation } = held;
  const key = partitionKey(name.uid, group.id, layout, partition);
  const record = await node.partitions.open(key, generation);
  if (record === undefined || session.isClosed || watched.sessions.get(session.session) !== session) return false;
  // A node that may not confirm leases must not assign partitions.
  if (node.health.validMs <= 0 || watched.group.layout !== layout) return false;
  const former = session.told.get(toldKey(held));
  if (former !== undefined && former.generation >= generation) return false;
  const told = session.note(held, key, record.forgotten?.to ?? 0);
  session.send({
    event: 'assigned',
    data: {
      partition,
      layout,
      size: watched.group.size,
      generation,
      position: record.checkpoint,
      floors: record.floors,
      held: record.held.map(({ stream, position }) => ({ stream, position })),
    },
  });
  node.options.toldChanged(watched, session, told);
  const tookMs = watched.handovers.end(partition, node.options.now());
  if (tookMs !== undefined) node.options.observer.handedOver(tookMs);
  retryDue(node, session, held, record);
  return true;
}

function revoke(node: GroupNode, watched: WatchedGroup, session: MemberSession, held: Held): void {
  const { now, times, toldChanged } = node.options;
  const { layout, partition, generation } = held;
  const { name, group } = watched;
  let told = session.told.get(toldKey(held));
  if (told?.generation !== generation) told = session.note(held, partitionKey(name.uid, group.id, layout, partition));
  told.revokedAtMs = now();
  session.send({ event: 'revoke', data: { partition, layout, generation, withinMs: times.handOverMs } });
  toldChanged(watched, session, told);
}

/** Sends the due retries of a partition, once each, and again if the stream is still due after a lease period. */
export function retryDue(
  node: GroupNode,
  session: MemberSession,
  held: Held,
  record: PartitionRecord | undefined,
): void {
  const told = session.told.get(toldKey(held));
  if (told === undefined || record === undefined || told.revokedAtMs !== undefined) return;
  const { now, wallNow, times } = node.options;
  const nowMs = now();
  const retried = new Map<string, Retried>();
  for (const { stream, position, attempts, retryAtMs } of due(record, wallNow())) {
    const what = `${position}/${attempts}/${retryAtMs}`;
    const last = told.retried.get(stream);
    const isSent = last?.what === what && nowMs - last.atMs < times.leaseMs;
    retried.set(stream, isSent ? last : { what, atMs: nowMs });
    if (isSent) continue;
    const { partition, generation } = told;
    session.send({ event: 'retry', data: { partition, generation, stream, position, attempt: attempts + 1 } });
  }
  told.retried = retried;
}

async function seal(
  node: GroupNode,
  watched: WatchedGroup,
  { layout, partitions }: { readonly layout: number; readonly partitions: readonly number[] },
): Promise<boolean> {
  const { name, group } = watched;
  const sealed = await Promise.all(
    partitions.map((partition) => node.partitions.seal(partitionKey(name.uid, group.id, layout, partition))),
  );
  return changed(node, watched, 'resize', (draft) =>
    noteSealed(
      draft,
      layout,
      partitions.filter((_partition, index) => sealed[index]),
    ),
  );
}

/** Creates the partition records of a new layout, and assigns the partitions. */
async function makeReady(
  node: GroupNode,
  watched: WatchedGroup,
  { layout, partitions }: { readonly layout: number; readonly partitions: readonly number[] },
): Promise<boolean> {
  const { name, group } = watched;
  if (group.layout !== layout) return false;
  const keyOf = (of: number, partition: number) => partitionKey(name.uid, group.id, of, partition);
  const needed = new Set(partitions.flatMap((partition) => predecessors(group, partition)));
  const old = new Map<number, PartitionRecord>();
  const records = await node.partitions.readAll([...needed].map((partition) => keyOf(layout - 1, partition)));
  for (const [index, partition] of [...needed].entries()) {
    const record = records[index];
    if (record?.isSealed !== true) return false;
    old.set(partition, record);
  }
  await node.partitions.create(
    partitions.map((partition) => ({ key: keyOf(layout, partition), value: firstRecord(group, partition, old) })),
  );
  const isChanged = await changed(node, watched, 'resize', (draft) => noteReady(draft, layout, partitions));
  if (isChanged && watched.group.previous === undefined && layout > 0) {
    await removeRecords(node.options.store, layoutPrefix(name.uid, group.id, layout - 1));
  }
  return isChanged;
}

function firstRecord(group: Group, partition: number, old: ReadonlyMap<number, PartitionRecord>): PartitionRecord {
  const { origin, size, previous } = group;
  const isMeant = origin.from === 'reset' && (origin.partitions?.includes(partition) ?? true);
  if (origin.from === 'position' || (origin.from === 'reset' && isMeant)) return newPartition(origin.position);
  const from = predecessors(group, partition).map((index) => ({ partition: index, record: old.get(index)! }));
  return succeed(previous!.size, from, (stream) => new StreamName(stream).owner(size) === partition);
}

function isHere(node: GroupNode, group: Group, session: string, attempt: number): boolean {
  const member = group.members[session];
  return member?.node === node.health.id && member.attempt === attempt;
}
