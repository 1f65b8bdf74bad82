/** Where records of groups stand in the store. */

/** Beside every namespace, whose `uid` has no dot in front. */
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

/** The highest generation of the groups that a namespace had and has no more, so that one of the same name goes on behind it. */
export function generationKey(uid: string): string {
  return `${uid}/generation`;
}
