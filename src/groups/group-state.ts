import type { Group } from './group.ts';
import { Handovers } from './handovers.ts';
import type { MemberSession } from './member-session.ts';
import { groupKey } from './record-keys.ts';
import type { Records } from './records.ts';

/** Identifies a group: the `uid` of its namespace, and its name. */
export type GroupName = { readonly uid: string; readonly name: string };

/** Why partitions moved. */
export type MoveReason = 'join' | 'leave' | 'expire' | 'forced' | 'resize';

/** Receives events of groups on this node, for logs and metrics. */
export interface GroupObserver {
  moved(why: MoveReason, partitions: number): void;
  /** A partition was handed over to a member on this node; see {@link Handovers}. */
  handedOver(ms: number): void;
  /** A step failed and will be retried. */
  failed(error: unknown): void;
}

/** A group with members on this node. */
export class WatchedGroup {
  readonly name: GroupName;
  readonly key: string;
  readonly sessions = new Map<string, MemberSession>();
  /** See `View`. */
  readonly missingSinceMs = new Map<string, number>();
  /** Steps in progress, so that none runs twice concurrently. */
  readonly busy = new Set<string>();
  readonly handovers = new Handovers();
  group: Group;
  /**
   * The record at the last reconciliation, and the time at which the next step becomes due without a change; undefined:
   * a step was due.
   */
  quiet: { readonly group: Group; readonly untilMs: number } | undefined = undefined;
  /** Whether steps are being started; `again`: something changed in the meantime. */
  reconciling: 'once' | 'again' | undefined = undefined;
  /** Deleted ranges of the group's log and category, as last read. */
  forgotten = { epoch: '', ofLog: 0, ofCategory: 0 };
  /** When a member last asked this node to join. */
  askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(name: GroupName, group: Group) {
    this.name = name;
    this.key = groupKey(name.uid, name.name);
    this.group = group;
  }

  /** Whether no step has become due by time alone since the last reconciliation. */
  isQuietAt(nowMs: number): boolean {
    return this.quiet !== undefined && nowMs <= this.quiet.untilMs;
  }

  /** Replaces the group with its current record. */
  see(group: Group, node: string, nowMs: number): void {
    this.handovers.note(this.group, group, node, nowMs);
    this.group = group;
  }
}

/** Changes the group with one compare-and-set, and counts the moves. Resolves to the group afterwards, and whether this call changed it. */
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
