import { type Group, ownershipOf } from './group.ts';
import type { GroupTimes } from './group-times.ts';
import { type Held, isChanging, readyToMake } from './ownership.ts';

/** The state of a member's connection on this node that decisions depend on. */
export type SessionView = {
  readonly attempt: number;
  /** The log named to the member when it joined. */
  readonly epoch: string;
  /** Whether its connection is closed. */
  readonly isClosed: boolean;
  /** Whether it is being removed, so that its leases are no longer confirmed. */
  readonly isExpiring: boolean;
  /** When a lease was last confirmed. */
  readonly extendedAtMs: number;
  /** By layout and partition. */
  readonly told: ReadonlyMap<string, ToldView>;
};

/** A partition assigned to a connection. */
export type ToldView = Held & {
  /** When a lease that covers it was last confirmed. */
  readonly extendedAtMs: number;
  /** When its revoke was sent; undefined: not yet. */
  readonly revokedAtMs: number | undefined;
  /** Whether leases no longer cover it. */
  readonly isStopped: boolean;
};

/** A node's view of another node. */
export type NodeView = { readonly isDead: boolean; readonly revision: number; readonly unchangedSinceMs: number };

/** The state that a node's decisions depend on. */
export type View = {
  readonly node: string;
  readonly nowMs: number;
  /** How long this node may confirm leases; 0 or less: it may not. */
  readonly validMs: number;
  readonly group: Group;
  readonly sessions: ReadonlyMap<string, SessionView>;
  /** When a member without a connection here, or of an unknown node, was first seen that way, by {@link missingKey}. */
  readonly missingSinceMs: ReadonlyMap<string, number>;
  readonly nodes: ReadonlyMap<string, NodeView>;
  readonly times: GroupTimes;
};

/** The next actions of a node. Each step is checked again when it runs, because its reason may no longer apply. */
export type Step =
  /** Ends a connection whose session is gone or elsewhere. */
  | { readonly do: 'drop'; readonly session: string; readonly isMember: boolean }
  | { readonly do: 'end-evicted'; readonly session: string }
  | { readonly do: 'detach'; readonly session: string; readonly attempt: number }
  | { readonly do: 'expire'; readonly session: string; readonly attempt: number }
  /** Fences the previous owner of a partition and notifies the new one. */
  | ({ readonly do: 'open'; readonly session: string } & Held)
  | ({ readonly do: 'revoke'; readonly session: string } & Held)
  /** Drops a partition that the session no longer owns. */
  | ({ readonly do: 'forget'; readonly session: string } & Held)
  /** Excludes a partition from all later leases. */
  | ({ readonly do: 'stop'; readonly session: string } & Held)
  /** Reassigns a partition whose last lease has ended. */
  | ({ readonly do: 'force'; readonly session: string } & Held)
  | { readonly do: 'seal'; readonly layout: number; readonly partitions: readonly number[] }
  | { readonly do: 'make-ready'; readonly layout: number; readonly partitions: readonly number[] }
  | { readonly do: 'note-missing'; readonly session: string; readonly attempt: number }
  | { readonly do: 'remove-missing'; readonly session: string; readonly attempt: number; readonly node: string }
  | { readonly do: 'declare-dead'; readonly node: string; readonly revision: number }
  | { readonly do: 'remove-dead'; readonly node: string };

export function toldKey({ layout, partition }: { readonly layout: number; readonly partition: number }): string {
  return `${layout}/${partition}`;
}

export function missingKey(session: string, attempt: number): string {
  return `${session}/${attempt}`;
}

/** The steps that a group needs from this node. A pure function of the view. */
export function reconcile(view: View): Step[] {
  const { group, sessions, node, validMs } = view;
  const steps: Step[] = [];
  for (const [session, connection] of sessions) {
    const member = group.members[session];
    if (member?.node !== node || member.attempt !== connection.attempt) {
      steps.push({ do: 'drop', session, isMember: member !== undefined });
    } else if (validMs > 0) reconcileSession(view, session, connection, steps);
  }
  if (validMs <= 0 || group.state === 'deleted') return steps;
  reconcilePrevious(view, steps);
  const partitions = readyToMake(group);
  if (partitions.length > 0) steps.push({ do: 'make-ready', layout: group.layout, partitions });
  reconcileOthers(view, steps);
  return steps;
}

function reconcileSession(view: View, session: string, connection: SessionView, steps: Step[]): void {
  const { group, nowMs, times } = view;
  const { attempt, epoch, extendedAtMs, isExpiring, isClosed } = connection;
  const member = group.members[session]!;
  if (isExpiring || nowMs - extendedAtMs > (member.keepMs ?? times.leaseMs)) {
    steps.push({ do: 'expire', session, attempt });
    return;
  }
  if (member.isEvicted && !isClosed) steps.push({ do: 'end-evicted', session });
  if (isClosed && !member.isDetached) steps.push({ do: 'detach', session, attempt });
  for (const { layout, partition, generation } of connection.told.values()) {
    const held = { layout, partition, generation };
    if (!isHeldBy(group, session, held)) steps.push({ do: 'forget', session, ...held });
  }
  for (const [partition, { holder, generation, next }] of group.partitions.entries()) {
    if (holder !== session) continue;
    const held: Held = { layout: group.layout, partition, generation };
    const told = connection.told.get(toldKey(held));
    if (told?.generation !== generation) {
      // A member of another log would treat positions of that log as positions of this one. It is about to reconnect.
      if (!isClosed && epoch === group.epoch) steps.push({ do: 'open', session, ...held });
    } else if (told.revokedAtMs === undefined) {
      if (next !== session) steps.push({ do: 'revoke', session, ...held });
    } else if (isOverdue(view, told)) {
      steps.push({ do: isLeaseOver(view, told) ? 'force' : 'stop', session, ...held });
    }
  }
}

/** Partitions of the previous layout are revoked like others, then sealed. */
function reconcilePrevious(view: View, steps: Step[]): void {
  const { group, sessions, node } = view;
  const layout = group.layout - 1;
  const partitions: number[] = [];
  for (const [partition, { holder, generation, isSealed }] of group.previous?.partitions.entries() ?? []) {
    if (isSealed) continue;
    const held: Held = { layout, partition, generation };
    const member = holder === undefined ? undefined : group.members[holder];
    if (holder === undefined || member === undefined) {
      partitions.push(partition);
      continue;
    }
    const connection = sessions.get(holder);
    if (member.node !== node || connection === undefined || connection.attempt !== member.attempt) continue;
    const told = connection.told.get(toldKey(held));
    if (told?.generation !== generation || told.revokedAtMs === undefined) {
      // Even if this node never assigned it: a previous node may have, so its whole lease must pass.
      steps.push({ do: 'revoke', session: holder, ...held });
    } else if (isOverdue(view, told)) {
      if (isLeaseOver(view, told)) partitions.push(partition);
      else steps.push({ do: 'stop', session: holder, ...held });
    }
  }
  if (partitions.length > 0) steps.push({ do: 'seal', layout, partitions });
}

/** Handles members without a connection. */
function reconcileOthers(view: View, steps: Step[]): void {
  const { group, sessions, node, nodes, nowMs, times, missingSinceMs } = view;
  const judged = new Set<string>();
  for (const [session, member] of Object.entries(group.members)) {
    const { attempt, node: of } = member;
    const other = nodes.get(of);
    if (of !== node && other !== undefined) {
      if (judged.has(of)) continue;
      judged.add(of);
      if (other.isDead) steps.push({ do: 'remove-dead', node: of });
      else if (nowMs - other.unchangedSinceMs > times.nodeTtlMs)
        steps.push({ do: 'declare-dead', node: of, revision: other.revision });
    } else if (of !== node || !sessions.has(session)) {
      const since = missingSinceMs.get(missingKey(session, attempt));
      const waitMs = of === node ? Math.max(member.keepMs ?? 0, times.leaseMs) : times.nodeTtlMs;
      if (since === undefined) steps.push({ do: 'note-missing', session, attempt });
      else if (nowMs - since > waitMs) steps.push({ do: 'remove-missing', session, attempt, node: of });
    }
  }
}

/**
 * When a step becomes due by time alone, for a group without steps now; `-Infinity`: unknown. The caller must also reconcile when the
 * group's record or one of its connections changes, and when a node dies or its record disappears.
 */
export function quietUntilMs(view: View): number {
  const { group, sessions, node, nodes, validMs, times } = view;
  if (validMs <= 0 || group.state === 'deleted' || isChanging(group)) return Number.NEGATIVE_INFINITY;
  let untilMs = Number.POSITIVE_INFINITY;
  for (const [session, member] of Object.entries(group.members)) {
    const connection = sessions.get(session);
    const other = nodes.get(member.node);
    if (member.node === node && connection !== undefined && isSettled(connection)) {
      untilMs = Math.min(untilMs, connection.extendedAtMs + (member.keepMs ?? times.leaseMs));
    } else if (member.node !== node && other?.isDead === false) {
      untilMs = Math.min(untilMs, other.unchangedSinceMs + times.nodeTtlMs);
    } else return Number.NEGATIVE_INFINITY;
  }
  return untilMs;
}

/** Whether the end of its lease is the only step that can become due for a connection. */
function isSettled({ isClosed, isExpiring, told }: SessionView): boolean {
  if (isClosed || isExpiring) return false;
  for (const { revokedAtMs } of told.values()) if (revokedAtMs !== undefined) return false;
  return true;
}

/** Whether the worker has had its time to release. */
function isOverdue({ nowMs, times }: View, { revokedAtMs }: ToldView): boolean {
  return revokedAtMs !== undefined && nowMs - revokedAtMs > times.handOverMs;
}

/** Whether its lease has expired. */
function isLeaseOver({ nowMs, times }: View, { extendedAtMs, isStopped }: ToldView): boolean {
  return isStopped && nowMs - extendedAtMs > times.leaseMs;
}

/** Whether the session owns the partition in this generation. */
export function isHeldBy(group: Group, session: string, { layout, partition, generation }: Held): boolean {
  const owned = ownershipOf(group, layout, partition);
  return owned?.holder === session && owned.generation === generation;
}
