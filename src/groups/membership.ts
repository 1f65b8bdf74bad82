import { assign } from './assign.ts';
import { type Group, type Member, maxGroupMembers } from './group.ts';

/** A request to join, on one node. */
export type JoinRequest = {
  readonly member: string;
  readonly node: string;
  readonly attempt: number;
  readonly address: string | undefined;
  /** The worker's previous session; undefined: it is new. */
  readonly session: string | undefined;
  /** Id for a new session. */
  readonly newSession: string;
};

/** Outcome of a join. `taken`: the lease of this name may still be valid. `old-attempt`: the session has a newer connection. */
export type JoinOutcome =
  | { readonly outcome: 'joined'; readonly session: string }
  | { readonly outcome: 'taken' | 'old-attempt' | 'too-many' };

/**
 * Admits a worker: back into its session, in place of a disconnected session with its name, or as a new member. A new
 * session gets new generations for the partitions of the old session with its name, which fences that one.
 */
export function join(group: Group, request: JoinRequest): JoinOutcome {
  const { session, attempt, node, address, member: name } = request;
  const known = session === undefined ? undefined : group.members[session];
  if (session !== undefined && known?.name === name && !known.isEvicted) {
    // Connections may overtake each other. The one started last wins, wherever it arrives.
    if (known.attempt >= attempt) return { outcome: 'old-attempt' };
    Object.assign(known, { attempt, node, address, isDetached: false, keepMs: undefined } satisfies Partial<Member>);
    return { outcome: 'joined', session };
  }
  const old = Object.entries(group.members).find(([, member]) => member.name === name);
  if (old !== undefined && (!old[1].isDetached || old[1].isEvicted)) return { outcome: 'taken' };
  if (old === undefined && Object.keys(group.members).length >= maxGroupMembers) return { outcome: 'too-many' };
  const { newSession } = request;
  if (old !== undefined) succeed(group, old[0], newSession);
  group.members[newSession] = {
    name,
    order: old?.[1].order ?? group.joins++,
    node,
    attempt,
    isDetached: false,
    isEvicted: false,
    keepMs: undefined,
    address,
  };
  assign(group);
  return { outcome: 'joined', session: newSession };
}

/** Marks a connection as gone. Returns false if there is a newer one. */
export function detach(group: Group, session: string, attempt: number): boolean {
  const member = group.members[session];
  if (member?.attempt !== attempt || member.isDetached) return false;
  member.isDetached = true;
  return true;
}

/** Removes sessions and reassigns their partitions. Returns false if none was a member. */
export function remove(group: Group, sessions: readonly string[]): boolean {
  const present = sessions.filter((session) => session in group.members);
  if (present.length === 0) return false;
  for (const session of present) delete group.members[session];
  assign(group);
  return true;
}

/** Removes a session whose worker has stopped. With `keepMs`, its share is reserved for a worker with its name. */
export function leave(group: Group, session: string, keepMs: number): boolean {
  if (keepMs === 0) return remove(group, [session]);
  const member = group.members[session];
  if (member === undefined) return false;
  member.isDetached = true;
  member.keepMs = keepMs;
  return true;
}

/** Marks a member as evicted; its node ends the stream. Returns false if there is no such member. */
export function evict(group: Group, name: string): boolean {
  const members = Object.values(group.members).filter((member) => member.name === name && !member.isEvicted);
  if (members.length === 0) return false;
  for (const member of members) member.isEvicted = true;
  assign(group);
  return true;
}

/** Replaces a session by another one. */
function succeed(group: Group, old: string, session: string): void {
  delete group.members[old];
  for (const partition of group.partitions) {
    if (partition.next === old) partition.next = session;
    if (partition.holder !== old) continue;
    partition.holder = session;
    partition.generation = ++group.generation;
  }
  for (const partition of group.previous?.partitions ?? []) {
    if (partition.holder === old) partition.holder = undefined;
  }
}
