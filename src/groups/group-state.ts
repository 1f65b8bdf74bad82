import type { Group } from './group.ts';
import type { MemberSession } from './member-session.ts';
import { groupKey } from './record-keys.ts';
import type { Records } from './records.ts';

/** Names a group: the `uid` of its namespace, and its name there. */
export type GroupName = { readonly uid: string; readonly name: string };

/** Why partitions changed hands. */
export type MoveReason = 'join' | 'leave' | 'expire' | 'forced' | 'resize';

/** Observes groups on this node, for logs and metrics. */
export interface GroupObserver {
  moved(why: MoveReason, partitions: number): void;
  /** A step failed; it will be tried again. */
  failed(error: unknown): void;
}

/** A group that this node has members of. */
export class WatchedGroup {
  readonly name: GroupName;
  readonly key: string;
  readonly sessions = new Map<string, MemberSession>();
  /** See `View`. */
  readonly missingSinceMs = new Map<string, number>();
  /** Steps that are running, so that none runs twice at a time. */
  readonly busy = new Set<string>();
  group: Group;
  /** The positions up to which retention had deleted messages of the group's log and category, when last read. */
  forgotten = { epoch: '', ofLog: 0, ofCategory: 0 };
  /** When a member last asked this node to join. */
  askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(name: GroupName, group: Group) {
    this.name = name;
    this.key = groupKey(name.uid, name.name);
    this.group = group;
  }
}

/** Changes the group by one compare-and-set and counts what moved. Resolves to the group as it is then, and whether this call changed it. */
export async function changeGroup(
  records: Records<Group>,
  observer: GroupObserver,
  key: string,
  why: MoveReason,
  edit: (draft: Group) => boolean,
): Promise<{ readonly group: Group | undefined; readonly isChanged: boolean }> {
  let moved = 0;
  const { outcome, value } = await records.change(key, (group) => {
    if (group.state === 'deleted') return undefined;
    const draft = structuredClone(group);
    if (!edit(draft)) return undefined;
    moved = movesBetween(group, draft);
    return draft;
  });
  if (outcome === 'changed' && moved > 0) observer.moved(why, moved);
  return { group: value, isChanged: outcome === 'changed' };
}

function movesBetween(before: Group, after: Group): number {
  if (before.layout !== after.layout) return 0;
  return after.partitions.filter(
    ({ holder }, index) => holder !== undefined && holder !== before.partitions[index]!.holder,
  ).length;
}
