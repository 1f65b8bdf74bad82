import { PokewireError } from '../errors.ts';
import type { Namespace } from '../store/namespace-store.ts';
import { beginNewLog } from './administer-group.ts';
import type { Joined } from './admit-member.ts';
import { type ConsumerGroups, groupNotFound } from './consumer-groups.ts';
import { createGroup } from './create-group.ts';
import { type Group, maxGroupMembers, maxNamespaceMembers } from './group.ts';
import { MemberStream } from './member-stream.ts';
import { meetLog } from './ownership.ts';

/** A worker's request to join. */
export type GroupJoin = {
  readonly group: string;
  readonly category: string;
  readonly member: string;
  /** With a size, a missing group is created. */
  readonly size: number | undefined;
  readonly session: string | undefined;
  readonly attempt: number;
  readonly address: string | undefined;
};

/** Joins and returns the member's stream, to be opened on its socket. `released` is called once, when it has ended. */
export async function joinGroup(
  groups: ConsumerGroups,
  namespace: Namespace,
  asked: GroupJoin,
  released: () => void,
): Promise<MemberStream> {
  const { group: name, member, session, attempt, address, category, size } = asked;
  if (size === undefined) await groups.find(namespace, name);
  const { group } = await createGroup(groups, namespace, name, { category, size });
  refuseTooMany(groups, namespace, asked);
  await groups.feedOf(namespace);
  await meetNewLog(groups, namespace, name, group);
  let joined: Joined | undefined;
  const stream: MemberStream = new MemberStream(() => {
    groups.streams.delete(stream);
    if (joined?.outcome === 'joined') groups.node.disconnected(joined.session);
    released();
  });
  const joining = { member, session, attempt, address, epoch: namespace.log, link: stream };
  joined = await groups.node.join(groups.nameOf(namespace, name), joining);
  if (joined.outcome !== 'joined') throw refusalOf(joined.outcome, name, member);
  groups.opened(stream);
  return stream;
}

/** If the log was replaced, resets the group if its `onNewLog` says so; otherwise it waits for a reset. */
async function meetNewLog(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  { epoch, state, options: { onNewLog } }: Group,
): Promise<void> {
  if (epoch === namespace.log && state !== 'new-log') return;
  if (epoch !== namespace.log && onNewLog !== 'stop') {
    await beginNewLog({ groups, namespace, name }, onNewLog);
    return;
  }
  await groups.node.change(groups.nameOf(namespace, name), 'leave', (draft) => meetLog(draft, namespace.log));
}

/** Throws `TOO_MANY_MEMBERS` at the namespace's limit, as far as this node knows. Former members may return. */
function refuseTooMany(groups: ConsumerGroups, { uid }: Namespace, { session, group }: GroupJoin): void {
  if (session !== undefined) return;
  let members = 0;
  for (const watched of groups.node.watched) {
    if (watched.name.uid === uid) members += Object.keys(watched.group.members).length;
  }
  if (members < maxNamespaceMembers) return;
  throw new PokewireError('TOO_MANY_MEMBERS', `The namespace has ${maxNamespaceMembers} members of groups.`, {
    details: { group, maxNamespaceMembers },
  });
}

function refusalOf(outcome: Exclude<Joined['outcome'], 'joined'>, group: string, member: string): PokewireError {
  switch (outcome) {
    case 'no-group':
      return groupNotFound(group);
    case 'taken':
      return new PokewireError(
        'MEMBER_TAKEN',
        `A member ${member} of ${group} is connected, or its lease may still be valid.`,
        {
          details: { group, member },
        },
      );
    case 'old-attempt':
      return new PokewireError('MEMBER_TAKEN', `A later attempt of this session of ${group} was accepted.`, {
        details: { group, member },
      });
    case 'too-many':
      return new PokewireError('TOO_MANY_MEMBERS', `The group ${group} has ${maxGroupMembers} members.`, {
        details: { group, maxGroupMembers },
      });
    case 'not-valid':
      return new PokewireError('NOT_READY', 'This node cannot reach its store in time. Retry later.');
  }
}
