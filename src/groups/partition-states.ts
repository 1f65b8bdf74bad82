import type { Group } from './group.ts';

/** `moving`: assigned to another member, or waiting for its checkpoint after a resize. `unowned`: no owner, and no next one. */
export const partitionStates = ['owned', 'moving', 'unowned'] as const;

export type PartitionCounts = Readonly<Record<(typeof partitionStates)[number], number>>;

/** Counts the partitions of a group by state, for owners on all nodes. */
export function countPartitions({ partitions }: Group): PartitionCounts {
  const counts = { owned: 0, moving: 0, unowned: 0 };
  for (const { holder, next, isReady } of partitions) {
    if (holder === undefined && next === undefined) counts.unowned++;
    else if (holder === next && isReady) counts.owned++;
    else counts.moving++;
  }
  return counts;
}
