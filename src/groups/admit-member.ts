import type { GroupNode } from './group-node.ts';
import { changeGroup, type GroupName } from './group-state.ts';
import { leastValidMs } from './group-times.ts';
import { type MemberLink, MemberSession } from './member-session.ts';
import { type JoinOutcome, type JoinRequest, join } from './membership.ts';
import { groupKey } from './record-keys.ts';
import type { WatchedGroups } from './watched-groups.ts';

/** A member that wants to join. */
export type Joining = Pick<JoinRequest, 'member' | 'session' | 'attempt' | 'address'> & {
  readonly link: MemberLink;
  /** The log of its namespace. The group may have another one until it is reset. */
  readonly epoch: string;
};

/** Outcome of a join; `not-valid`: this node may not confirm leases at the moment. */
export type Joined =
  | { readonly outcome: 'joined'; readonly session: MemberSession }
  | { readonly outcome: Exclude<JoinOutcome['outcome'], 'joined'> | 'not-valid' | 'no-group' };

/** Admits a member on a node, by one compare-and-set of its group. */
export async function admitMember(
  node: GroupNode,
  watchedGroups: WatchedGroups,
  name: GroupName,
  { link, epoch, ...joining }: Joining,
): Promise<Joined> {
  const { groups, health } = node;
  const { now, newId, times, headOf, observer } = node.options;
  const request: JoinRequest = { ...joining, node: health.id, newSession: newId() };
  let joined: JoinOutcome | undefined;
  const key = groupKey(name.uid, name.name);
  const found = groups.known(key) ?? (await groups.read(key));
  if (found === undefined) return { outcome: 'no-group' };
  // Before the change, because its answer may be lost: this node must find a member it does not know about.
  watchedGroups.add(name, found).askedAtMs = now();
  const { group } = await changeGroup(groups, observer, key, 'join', (draft) => {
    joined = undefined;
    if (health.validMs <= leastValidMs || health.id !== request.node) return false;
    joined = join(draft, request);
    return joined.outcome === 'joined';
  });
  if (group === undefined) return { outcome: 'no-group' };
  if (joined === undefined || health.id !== request.node) return { outcome: 'not-valid' };
  if (joined.outcome !== 'joined') return { outcome: joined.outcome };
  const { validMs } = health;
  if (validMs <= leastValidMs) return { outcome: 'not-valid' };
  const watched = watchedGroups.add(name, group);
  const member = watched.group.members[joined.session];
  // A later attempt was accepted before the answer to this one arrived.
  if (member?.attempt !== joining.attempt || member.node !== request.node) return { outcome: 'old-attempt' };
  watched.sessions.get(joined.session)?.end('superseded');
  const session = new MemberSession(joined.session, { attempt: joining.attempt, epoch }, link, now());
  watchedGroups.connect(watched, session);
  const { layout, size } = watched.group;
  session.send({
    event: 'joined',
    data: {
      group: name.name,
      member: joining.member,
      session: session.session,
      attempt: joining.attempt,
      epoch,
      layout,
      size,
      leaseMs: Math.floor(Math.min(times.leaseMs, validMs)),
      beatMs: times.beatMs,
      head: headOf(epoch),
    },
  });
  node.reconcile(watched);
  return { outcome: 'joined', session };
}
