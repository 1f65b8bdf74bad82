/** Keys of group records in the store. */

/** Distinct from every namespace, because a `uid` never starts with a dot. */
export const nodePrefix = '.node/';

export function nodeKey(node: string): string {
  return `${nodePrefix}${node}`;
}

export function groupPrefix(uid: string): string {
  return `${uid}/group/`;
}

export function groupKey(uid: string, name: string): string {
  return `${groupPrefix(uid)}${name}`;
}

export function partitionPrefix(uid: string, groupId: string): string {
  return `${uid}/partition/${groupId}/`;
}

export function layoutPrefix(uid: string, groupId: string, layout: number): string {
  return `${partitionPrefix(uid, groupId)}${layout}/`;
}

export function partitionKey(uid: string, groupId: string, layout: number, partition: number): string {
  return `${layoutPrefix(uid, groupId, layout)}${partition}`;
}

/** The id of the group of a partition's key. */
export function groupIdOf(partitionKey: string): string {
  return partitionKey.split('/').at(-3)!;
}

/** The highest generation of deleted groups in a namespace, so that a new group with the same name continues above it. */
export function generationKey(uid: string): string {
  return `${uid}/generation`;
}
