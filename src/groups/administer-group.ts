import { PokewireError } from '../errors.ts';
import type { Namespace } from '../store/namespace-store.ts';
import { type ConsumerGroups, groupNotFound } from './consumer-groups.ts';
import { groupBusy, positionOf } from './create-group.ts';
import { readPartitions } from './describe-group.ts';
import type { Group } from './group.ts';
import type { MoveReason } from './group-state.ts';
import type { NamedStreams } from './held-streams.ts';
import { evict, remove } from './membership.ts';
import { relayout, reset, setRunning } from './ownership.ts';
import { type HeldStream, highestFloors, maxFloors } from './partition-record.ts';
import { generationKey, groupKey, partitionPrefix } from './record-keys.ts';
import { removeRecords } from './records.ts';

/** The group that an administrative request is about. */
export type Administration = { readonly groups: ConsumerGroups; readonly namespace: Namespace; readonly name: string };

export async function setGroupRunning(admin: Administration, isRunning: boolean): Promise<void> {
  const { log } = admin.namespace;
  const { group } = await changeGroup(admin, (draft) => draft.epoch === log && setRunning(draft, isRunning));
  if (group.state === 'new-log' || group.epoch !== log) throw newLog(admin.name);
  audit(admin, isRunning ? 'group-started' : 'group-stopped', {});
}

/** Evicts a member. Returns false if the group has no member with this name. */
export async function evictMember(admin: Administration, member: string): Promise<boolean> {
  const group = await admin.groups.find(admin.namespace, admin.name);
  if (!Object.values(group.members).some(({ name }) => name === member)) return false;
  await changeGroup(admin, (draft) => evict(draft, member));
  audit(admin, 'group-member-evicted', { member });
  return true;
}

/** Changes the number of partitions. Settled messages stay settled. */
export async function resizeGroup(admin: Administration, size: number): Promise<void> {
  const before = await admin.groups.find(admin.namespace, admin.name);
  if (before.size === size && before.previous === undefined) return;
  if (before.epoch !== admin.namespace.log) throw newLog(admin.name);
  await refuseTooManyFloors(admin, before);
  await relayoutGroup(admin, (draft) => draft.layout === before.layout && relayout(draft, size, { from: 'previous' }));
  audit(admin, 'group-resized', { from: before.size, to: size });
}

/**
 * Throws `GROUP_BUSY` until partitions have advanced past the floors of earlier resizes, because another resize would
 * add more.
 */
async function refuseTooManyFloors({ groups, namespace, name }: Administration, group: Group): Promise<void> {
  const records = await readPartitions(groups, namespace, group);
  const floors = highestFloors(records.flatMap((record) => record?.floors ?? []));
  if (floors.length + group.size > maxFloors) throw groupBusy(name);
}

type ResetRequest = {
  readonly position: 'first' | 'last' | number;
  /** Undefined: all partitions. */
  readonly partitions: readonly number[] | undefined;
  readonly reason: string;
};

/** Moves partitions to another position, and the group to the current log. Held streams are released. */
export async function resetGroup(admin: Administration, request: ResetRequest): Promise<void> {
  await resetIf(admin, request, () => true);
}

/** Resets a group whose log was replaced to the new log, unless a concurrent join has done so. */
export async function beginNewLog(admin: Administration, position: 'first' | 'last'): Promise<void> {
  const request = { position, partitions: undefined, reason: 'new log' };
  await resetIf(admin, request, ({ epoch }) => epoch !== admin.namespace.log);
}

async function resetIf(
  admin: Administration,
  { position, partitions, reason }: ResetRequest,
  isMeant: (group: Group) => boolean,
): Promise<void> {
  const { groups, namespace, name } = admin;
  const { category } = await groups.find(namespace, name);
  const checkpoint = await positionOf(groups, namespace, category, position);
  const to = { epoch: namespace.log, position: checkpoint, partitions };
  const { group, isChanged } = await changeGroup(admin, (draft) => isMeant(draft) && reset(draft, to), 'resize');
  if (isChanged) audit(admin, 'group-reset', { checkpoint, partitions: partitions ?? 'all', reason });
  else if (isMeant(group)) throw groupBusy(name);
}

/** A held stream and its partition. */
export type Parked = HeldStream & { readonly partition: number };

/** All held streams of a group: parked ones, and those waiting for a retry. */
export async function heldStreams({ groups, namespace, name }: Administration): Promise<Parked[]> {
  const records = await readPartitions(groups, namespace, await groups.find(namespace, name));
  return records.flatMap((record, partition) => (record?.held ?? []).map((held) => ({ ...held, partition })));
}

/**
 * Retries the named streams, or skips the messages at which they are held; undefined: all of them. Resolves to the
 * streams that changed.
 */
export async function releaseParked(
  { groups, namespace, name }: Administration,
  how: 'replay' | 'skip',
  named: NamedStreams | undefined,
  reason: string,
): Promise<string[]> {
  const group = await groups.find(namespace, name);
  const records = await readPartitions(groups, namespace, group);
  const done: string[] = [];
  for (const [partition, record] of records.entries()) {
    if (record === undefined || record.held.length === 0) continue;
    const key = groups.partitionKey(namespace, group, group.layout, partition);
    done.push(...(await groups.node.partitions.administer(key, how, named)));
  }
  if (how === 'skip') groups.counts.skipped += done.length;
  if (done.length > 0) audit({ groups, namespace, name }, `group-${how}`, { streams: done, reason });
  const watched = groups.node.watchedGroup(groups.nameOf(namespace, name));
  if (watched !== undefined) groups.node.retry(watched);
  return done;
}

/** Deletes a group: revokes all partitions, saves the last generation for a later group, then removes the records. */
export async function deleteGroup(admin: Administration): Promise<void> {
  const { groups, namespace, name } = admin;
  const key = groupKey(namespace.uid, name);
  const { outcome, value: deleted } = await groups.node.groups.change(key, (group) => {
    if (group.state === 'deleted') return group;
    const draft = structuredClone(group);
    remove(draft, Object.keys(draft.members));
    return { ...draft, state: 'deleted' };
  });
  if (deleted === undefined) throw groupNotFound(name);
  await keepGeneration(admin, deleted.generation);
  await removeRecords(groups.node.options.store, partitionPrefix(namespace.uid, deleted.id));
  await groups.node.groups.remove(key);
  groups.node.endGroup(groups.nameOf(namespace, name));
  if (outcome === 'changed') audit(admin, 'group-deleted', {});
}

async function keepGeneration({ groups, namespace }: Administration, generation: number): Promise<void> {
  const store = groups.node.options.store;
  const key = generationKey(namespace.uid);
  for (;;) {
    const [record] = await store.read([key]);
    if (record !== undefined && (JSON.parse(record.text) as number) >= generation) return;
    const revision = record?.revision ?? 0;
    const [written] = await store.write([{ key, revision, text: JSON.stringify(generation), isQuiet: true }]);
    if (written !== undefined) return;
  }
}

async function changeGroup(
  { groups, namespace, name }: Administration,
  edit: (draft: Group) => boolean,
  why: MoveReason = 'leave',
): Promise<{ readonly group: Group; readonly isChanged: boolean }> {
  const { group, isChanged } = await groups.node.change(groups.nameOf(namespace, name), why, edit);
  if (group === undefined || group.state === 'deleted') throw groupNotFound(name);
  return { group, isChanged };
}

async function relayoutGroup(admin: Administration, edit: (draft: Group) => boolean): Promise<void> {
  const { isChanged } = await changeGroup(admin, edit, 'resize');
  if (!isChanged) throw groupBusy(admin.name);
}

function newLog(group: string): PokewireError {
  return new PokewireError(
    'GROUP_BUSY',
    `The log of the consumer group ${group} was replaced. Reset the group first.`,
    {
      details: { group },
    },
  );
}

/** Writes an audit line to the log. */
function audit({ groups, namespace, name }: Administration, what: string, details: object): void {
  groups.log.info(
    { audit: what, namespace: namespace.id, group: name, ...details },
    'a consumer group was administered',
  );
}
