import { assign } from './assign.ts';
import { type Group, type Member, maxGroupMembers } from './group.ts';

/** A request to join, on a node. */
export type JoinRequest = {
  readonly member: string;
  readonly node: string;
  readonly attempt: number;
  readonly address: string | undefined;
  /** The session that the worker had before; undefined: it is new. */
  readonly session: string | undefined;
  /** What its session is called if it is a new one. */
  readonly newSession: string;
};

/** Outcome of a join. `taken`: the lease of this name may still be valid. `old-attempt`: a later connection of the session is known. */
export type JoinOutcome =
  | { readonly outcome: 'joined'; readonly session: string }
  | { readonly outcome: 'taken' | 'old-attempt' | 'too-many' };

/**
 * Lets a worker in: back into its session, into the place of a session of its name whose connection is gone, or as a new member.
 * A new session gets new generations for what the old one of its name owned, so that this one is fenced.
 */
export function join(group: Group, request: JoinRequest): JoinOutcome {
  const { session, attempt, node, address, member: name } = request;
  const known = session === undefined ? undefined : group.members[session];
  if (session !== undefined && known?.name === name && !known.isEvicted) {
    // Connections overtake each other; the one that was begun last holds, wherever it arrives.
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

/** Marks a connection as gone. Returns false if a later one is known. */
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

/** Removes a session whose worker has stopped. With `keepMs`, its share is reserved that long for a worker of its name. */
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

/** Puts a session in the place of another one. */
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
