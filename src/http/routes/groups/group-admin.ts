import { Type } from 'typebox';
import {
  deleteGroup,
  evictMember,
  releaseParked,
  resetGroup,
  resizeGroup,
  setGroupRunning,
} from '../../../groups/administer-group.ts';
import { createGroup } from '../../../groups/create-group.ts';
import { maxGroupPartitions } from '../../../groups/group.ts';
import { categoryText, readCategory } from '../../plumbing/parameters.ts';
import type { Server } from '../../plumbing/server.ts';
import {
  aboutOf,
  bodyOf,
  groupParam,
  type MaybeGroups,
  maxGroupEntries,
  memberText,
  readName,
  sizeMember,
  streamText,
} from './group-requests.ts';

const strict = { additionalProperties: false };
const place = Type.Union([
  Type.Enum(['first', 'last']),
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
]);
const messagePosition = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const reason = Type.String({ minLength: 1, maxLength: 1_024, description: 'For the log' });

const bodies = {
  create: Type.Object(
    {
      category: Type.String(categoryText),
      size: Type.Optional(sizeMember),
      start: Type.Optional(place),
      onPoison: Type.Optional(Type.Enum(['hold', 'stop'])),
      onNewLog: Type.Optional(Type.Enum(['stop', 'first', 'last'])),
      maxAttempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    },
    { title: 'NewGroup', ...strict, examples: [{ category: 'account', size: 8 }] },
  ),
  resize: Type.Object({ size: sizeMember }, { title: 'GroupSize', ...strict, examples: [{ size: 16 }] }),
  reset: Type.Object(
    {
      position: place,
      partitions: Type.Optional(
        Type.Array(Type.Integer({ minimum: 0, maximum: maxGroupPartitions - 1 }), { maxItems: maxGroupPartitions }),
      ),
      reason,
    },
    { title: 'GroupReset', ...strict, examples: [{ position: 'first', reason: 'rebuild the projection' }] },
  ),
  evict: Type.Object({ member: memberText }, { title: 'GroupEviction', ...strict, examples: [{ member: 'worker-1' }] }),
  parked: Type.Object(
    {
      streams: Type.Optional(Type.Array(streamText, { maxItems: maxGroupEntries })),
      messages: Type.Optional(
        Type.Array(Type.Object({ stream: streamText, position: messagePosition }, strict), {
          maxItems: maxGroupEntries,
          description: 'Only streams that still wait at these messages',
        }),
      ),
      all: Type.Optional(Type.Literal(true)),
      reason,
    },
    { title: 'ParkedStreams', ...strict, examples: [{ streams: ['account-28'], reason: 'fixed' }] },
  ),
};

/** Administration of consumer groups. */
export function routeGroupAdmin(server: Server, maybe: MaybeGroups): void {
  const config = { access: 'admin' } as const;
  const tags = ['groups'];
  const params = groupParam;
  const begun = {
    202: Type.Object(
      { begun: Type.Boolean() },
      { description: 'The change was started and continues in the background' },
    ),
  };

  server.put(
    '/groups/:group',
    {
      config,
      schema: {
        operationId: 'createGroup',
        summary: 'Create a consumer group',
        description:
          'Creates the group unless it exists. `start` is its starting position. Default: the first message.',
        tags,
        params,
        body: bodies.create,
        response: {
          200: Type.Object({ category: Type.String(categoryText), size: sizeMember }),
          201: Type.Object({ category: Type.String(categoryText), size: sizeMember }),
        },
      },
    },
    async (request, reply) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const body = await bodyOf(request, bodies.create);
      const asked = { ...body, category: readCategory('category', body.category) };
      const { group, isNew } = await createGroup(groups, namespace, name, asked);
      reply.code(isNew ? 201 : 200);
      return { category: group.category, size: group.size };
    },
  );

  server.delete(
    '/groups/:group',
    {
      config,
      schema: {
        operationId: 'deleteGroup',
        summary: 'Delete a consumer group',
        description: 'Disconnects its members, and deletes its checkpoints.',
        tags,
        params,
        response: { 204: { type: 'null', description: 'The group is deleted' } },
      },
    },
    async (request, reply) => {
      await deleteGroup(aboutOf(maybe, request));
      reply.code(204);
      return null;
    },
  );

  server.post(
    '/groups/:group/resize',
    {
      config,
      schema: {
        operationId: 'resizeGroup',
        summary: 'Resize a consumer group',
        description:
          'Changes the number of partitions. Settled messages stay settled; streams move after their owners have released them.',
        tags,
        params,
        body: bodies.resize,
        response: begun,
      },
    },
    async (request, reply) => {
      const about = aboutOf(maybe, request);
      await resizeGroup(about, (await bodyOf(request, bodies.resize)).size);
      reply.code(202);
      return { begun: true };
    },
  );

  server.post(
    '/groups/:group/reset',
    {
      config,
      schema: {
        operationId: 'resetGroup',
        summary: 'Reset a consumer group',
        description:
          'Moves all or some partitions to another global position, to the first message or after the last one, in new ' +
          'generations. Their held streams are released.',
        tags,
        params,
        body: bodies.reset,
        response: begun,
      },
    },
    async (request, reply) => {
      const about = aboutOf(maybe, request);
      const { position, partitions, reason: why } = await bodyOf(request, bodies.reset);
      await resetGroup(about, { position, partitions, reason: why });
      reply.code(202);
      return { begun: true };
    },
  );

  server.post(
    '/groups/:group/evict',
    {
      config,
      schema: {
        operationId: 'evictMember',
        summary: 'Evict a member',
        description:
          'Disconnects a member and reassigns its partitions when its lease is over. It may join again then.',
        tags,
        params,
        body: bodies.evict,
        response: begun,
      },
    },
    async (request, reply) => {
      const about = aboutOf(maybe, request);
      const begun = await evictMember(about, readName('member', (await bodyOf(request, bodies.evict)).member));
      reply.code(202);
      return { begun };
    },
  );

  for (const [path, isRunning] of [
    ['stop', false],
    ['start', true],
  ] as const) {
    server.post(
      `/groups/:group/${path}`,
      {
        config,
        schema: {
          operationId: `${path}Group`,
          summary: isRunning ? 'Start a consumer group' : 'Stop a consumer group',
          description: isRunning
            ? 'Assigns the partitions of a stopped group to its members again.'
            : 'Revokes all partitions. Members stay connected, and checkpoints are kept.',
          tags,
          params,
          response: begun,
        },
      },
      async (request, reply) => {
        await setGroupRunning(aboutOf(maybe, request), isRunning);
        reply.code(202);
        return { begun: true };
      },
    );
  }

  for (const how of ['replay', 'skip'] as const) {
    server.post(
      `/groups/:group/parked/${how}`,
      {
        config,
        schema: {
          operationId: `${how}Parked`,
          summary: how === 'replay' ? 'Replay parked streams' : 'Skip parked messages',
          description:
            how === 'replay'
              ? 'Retries held streams at once.'
              : 'Skips the message at which each parked stream waits, and continues with later ones. Logged for audit.',
          tags,
          params,
          body: bodies.parked,
          response: {
            200: Type.Object({
              streams: Type.Array(Type.String({ maxLength: 1_024 }), { description: 'Those that were held' }),
            }),
          },
        },
      },
      async (request) => {
        const about = aboutOf(maybe, request);
        const { streams, messages, all, reason: why } = await bodyOf(request, bodies.parked);
        // All of them only on explicit request.
        const isAll = all === true && streams === undefined && messages === undefined;
        const named = [...(streams ?? []).map((stream) => ({ stream })), ...(messages ?? [])];
        return { streams: await releaseParked(about, how, isAll ? undefined : named, why) };
      },
    );
  }
}
