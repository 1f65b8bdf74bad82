import { Type } from 'typebox';
import { heldStreams, type Parked } from '../../../groups/administer-group.ts';
import { maxGroups } from '../../../groups/create-group.ts';
import { type DescribedGroup, describeGroup, stateNames } from '../../../groups/describe-group.ts';
import { type Group, maxGroupMembers, maxGroupPartitions } from '../../../groups/group.ts';
import { groupPrefix } from '../../../groups/record-keys.ts';
import { waitForGroup } from '../../../groups/wait-for-group.ts';
import { checkName } from '../../../message/stream-name.ts';
import { nameLimits } from '../../plumbing/parameters.ts';
import type { Server } from '../../plumbing/server.ts';
import { aboutOf, groupParam, type MaybeGroups, maxGroupNameBytes, namespaceOf, supported } from './group-requests.ts';

const count = Type.Integer({ minimum: 0 });
const shortName = Type.String({ maxLength: maxGroupNameBytes });
const seconds = Type.Union([Type.Number({ minimum: 0 }), Type.Null()], { description: 'null: not known' });
const time = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

/** Held streams per answer. */
const pageHeld = 1_000;

const summary = {
  group: shortName,
  category: Type.String({ maxLength: nameLimits.maxLength }),
  size: Type.Integer({ minimum: 1, maximum: maxGroupPartitions }),
  layout: count,
  members: count,
  isStopped: Type.Boolean(),
};

const groupSchema = Type.Object(
  {
    group: shortName,
    category: summary.category,
    size: summary.size,
    layout: count,
    state: Type.Enum([...stateNames]),
    epoch: Type.String({ maxLength: 64 }),
    head: count,
    unownedStreams: Type.Integer({
      minimum: 0,
      description: 'Streams of the category without an id, which belong to no partition',
    }),
    members: Type.Array(
      Type.Object(
        {
          member: shortName,
          node: Type.String({ maxLength: 64 }),
          partitions: Type.Array(count, { maxItems: maxGroupPartitions }),
          attached: Type.Boolean({ description: 'Whether it is connected, according to its node' }),
          leaseMs: Type.Union([count, Type.Null()], {
            description: 'Remaining time of its lease; null: known to another node',
          }),
          address: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]),
        },
        { title: 'GroupMember' },
      ),
      { maxItems: maxGroupMembers },
    ),
    partitions: Type.Array(
      Type.Object(
        {
          partition: count,
          member: Type.Union([shortName, Type.Null()]),
          generation: count,
          checkpoint: Type.Union([count, Type.Null()]),
          lag: Type.Object({ messages: count, exact: Type.Boolean(), seconds }),
          held: count,
          secondsLeft: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
            description:
              'Seconds until retention deletes the first unsettled message, by its age or at the current speed of deletion; null: there is none, or no known rule deletes it',
          }),
          lastAck: time,
          revoking: Type.Boolean(),
        },
        { title: 'GroupPartition' },
      ),
      { maxItems: maxGroupPartitions },
    ),
    lag: Type.Object({ messages: count, exact: Type.Boolean(), seconds }),
  },
  { title: 'Group' },
);

const heldSchema = Type.Object(
  {
    partition: count,
    stream: Type.String({ maxLength: nameLimits.maxLength }),
    position: count,
    attempts: count,
    retryAt: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description: 'null: it is parked' }),
    error: Type.String({ maxLength: 500 }),
  },
  { title: 'HeldStream' },
);

/** Reports the owners, progress and held streams of groups. */
export function routeGroupReads(server: Server, maybe: MaybeGroups): void {
  const config = { access: 'read' } as const;
  const tags = ['groups'];

  server.get(
    '/groups',
    {
      config,
      schema: {
        operationId: 'listGroups',
        summary: 'List consumer groups',
        description: 'The consumer groups of the namespace.',
        tags,
        response: {
          200: Type.Object({
            groups: Type.Array(Type.Object(summary, { title: 'GroupSummary' }), { maxItems: maxGroups }),
          }),
        },
      },
    },
    async (request, reply) => {
      const groups = supported(maybe);
      server.beginRead(request, reply);
      const prefix = groupPrefix(namespaceOf(request).uid);
      const records = await groups.node.options.store.list(prefix, undefined, maxGroups);
      const found = records.map(({ key, text }) => ({
        name: key.slice(prefix.length),
        group: JSON.parse(text) as Group,
      }));
      return {
        groups: found
          .filter(({ group }) => group.state !== 'deleted')
          .map(({ name, group: { category, size, layout, members, state } }) => {
            return {
              group: name,
              category,
              size,
              layout,
              members: Object.keys(members).length,
              isStopped: state !== 'running',
            };
          }),
      };
    },
  );

  server.get(
    '/groups/:group',
    {
      config,
      schema: {
        operationId: 'getGroup',
        summary: 'Describe a consumer group',
        description: 'Its members, and its partitions with their checkpoints and lag.',
        tags,
        params: groupParam,
        response: { 200: groupSchema },
      },
    },
    async (request, reply) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      server.beginRead(request, reply);
      return groupJson(name, await describeGroup(groups, namespace, name));
    },
  );

  server.get(
    '/groups/:group/wait',
    {
      config,
      schema: {
        operationId: 'waitForGroup',
        summary: 'Wait for a consumer group',
        description:
          'Answers when the group has settled everything up to a global position, or everything of one stream, or when the ' +
          'time-out is over.',
        tags,
        params: groupParam,
        querystring: Type.Object({
          position: Type.Integer({ minimum: 0, description: 'A global position, as returned by an append' }),
          stream: Type.Optional(Type.String({ description: 'Wait only for this stream' })),
          timeoutMs: Type.Optional(
            Type.Integer({ minimum: 0, maximum: 60_000, description: 'Time-out in milliseconds. Default: 10000' }),
          ),
        }),
        response: { 200: Type.Object({ reached: Type.Boolean(), checkpoint: count, held: count }) },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { position, timeoutMs = 10_000 } = request.query;
      const stream = request.query.stream === undefined ? undefined : checkName('stream', request.query.stream);
      const { socket } = request.raw;
      return waitForGroup(groups, namespace, name, { position, stream, timeoutMs }, () => socket.destroyed);
    },
  );

  server.get(
    '/groups/:group/parked',
    {
      config,
      schema: {
        operationId: 'listHeldStreams',
        summary: 'List held streams',
        description:
          'Streams that wait for a retry, and streams that are parked until an administrator replays or skips them.',
        tags,
        params: groupParam,
        response: { 200: Type.Object({ held: Type.Array(heldSchema, { maxItems: pageHeld }), more: Type.Boolean() }) },
      },
    },
    async (request, reply) => {
      const about = aboutOf(maybe, request);
      server.beginRead(request, reply);
      const held = await heldStreams(about);
      return { held: held.slice(0, pageHeld).map(heldJson), more: held.length > pageHeld };
    },
  );
}

function groupJson(name: string, { group, members, unownedStreams, state, head, partitions }: DescribedGroup) {
  const lags = partitions.map(({ lag }) => lag);
  const ages = lags.map(({ seconds: age }) => age).filter((age) => age !== undefined);
  return {
    group: name,
    category: group.category,
    size: group.size,
    layout: group.layout,
    state,
    epoch: group.epoch,
    head,
    unownedStreams,
    members: members.map(({ session, name: member, node, isDetached, leaseMs, address }) => ({
      member,
      node,
      partitions: [...group.partitions.keys()].filter((index) => group.partitions[index]!.holder === session),
      attached: !isDetached,
      leaseMs: leaseMs ?? null,
      address: address ?? null,
    })),
    partitions: partitions.map(({ partition, member, generation, record, lag, secondsLeft, isRevoking }) => ({
      partition,
      member: member ?? null,
      generation,
      checkpoint: record?.checkpoint ?? null,
      lag: { messages: lag.messages, exact: lag.isExact, seconds: lag.seconds ?? null },
      held: record?.held.length ?? 0,
      secondsLeft: secondsLeft ?? null,
      lastAck: timeOf(record?.lastAckMs),
      revoking: isRevoking,
    })),
    lag: {
      messages: lags.reduce((sum, { messages }) => sum + messages, 0),
      exact: lags.every(({ isExact }) => isExact),
      seconds: ages.length === 0 ? null : Math.max(...ages),
    },
  };
}

function heldJson({ partition, stream, position, attempts, retryAtMs, error }: Parked) {
  return { partition, stream, position, attempts, retryAt: timeOf(retryAtMs), error };
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
