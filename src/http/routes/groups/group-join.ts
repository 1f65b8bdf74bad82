import { type Static, Type } from 'typebox';
import { invalid } from '../../../errors.ts';
import { maxGroupPartitions } from '../../../groups/group.ts';
import type { GroupJoin } from '../../../groups/join-group.ts';
import { readCategory } from '../../plumbing/parameters.ts';
import { maxGroupNameBytes, readName } from './group-requests.ts';

const name = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: maxGroupNameBytes, description }));

/** Parameters of a subscription as a consumer group member. */
export const groupMemberQuery = {
  group: name('A consumer group whose members join and leave; requires member and one category'),
  member: name('Name of this member, the same after a restart'),
  session: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'From the last `joined` event, to continue as the same member',
    }),
  ),
  attempt: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Increases with each connection attempt of a session. Default: 1',
    }),
  ),
};

type Query = Partial<Static<ReturnType<typeof queryOf>>> & Readonly<Record<string, unknown>>;

/** Parameters of plain subscriptions only. */
const others = [
  'stream',
  'all',
  'position',
  'consumer',
  'consumerGroupMember',
  'consumerGroupSize',
  'lastEventId',
  'hello',
  'epoch',
  'heartbeat',
  'heartbeatMs',
  'conflate',
  'ticket',
];

/** Whether the request is for a consumer group member. */
export function isMember({ group, member, session, attempt }: Query): boolean {
  return group !== undefined || member !== undefined || session !== undefined || attempt !== undefined;
}

/** Reads a member's parameters; throws `INVALID_REQUEST`. */
export function groupJoinOf(query: Query, address: string): GroupJoin {
  const { group, member, session, attempt = 1, category, size } = query;
  if (group === undefined) throw invalid('group', 'is missing: a member is one of a consumer group');
  if (member === undefined) throw invalid('member', 'is missing: the name of this member of the group');
  for (const other of others) if (query[other] !== undefined) throw invalid(other, 'cannot be combined with group');
  const categories = (category as readonly string[] | undefined) ?? [];
  if (categories.length !== 1) throw invalid('category', 'must be given once with group');
  if (size !== undefined && (size < 1 || size > maxGroupPartitions)) {
    throw invalid('size', `must be between 1 and ${maxGroupPartitions} with group`);
  }
  return {
    group: readName('group', group),
    member: readName('member', member),
    category: readCategory('category', categories[0]!),
    size,
    session,
    attempt,
    address,
  };
}

function queryOf() {
  return Type.Object({ ...groupMemberQuery, size: Type.Optional(Type.Integer()) });
}
