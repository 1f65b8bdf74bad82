import { Type } from 'typebox';
import { acknowledge, fencedError, hold, release, settle } from '../../../groups/group-work.ts';
import { checkName } from '../../../message/stream-name.ts';
import type { Server } from '../../plumbing/server.ts';
import {
  aboutOf,
  bodyOf,
  generationMembers,
  groupParam,
  type MaybeGroups,
  maxGroupEntries,
  positionMember,
  sessionText,
  streamText,
  supported,
} from './group-requests.ts';

const strict = { additionalProperties: false };
const generationSchema = Type.Object(generationMembers, { title: 'Generation' });
const ackSchema = Type.Object(
  { ...generationMembers, position: positionMember },
  { title: 'Acknowledgement', ...strict },
);
const acks = Type.Array(ackSchema, { maxItems: maxGroupEntries });
const beatNumber = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Rises with each beat' });
const beatSchema = Type.Object({ session: sessionText, beat: beatNumber }, { title: 'Beat', ...strict });
const exampleAck = { partition: 3, layout: 0, generation: 42, position: 1234 };
const example = { session: 'k3J7c0b6RZq1xw2A' };

const bodies = {
  beat: Type.Object(beatSchema.properties, { title: 'GroupBeat', ...strict, examples: [{ ...example, beat: 17 }] }),
  beats: Type.Object(
    { beats: Type.Array(beatSchema, { maxItems: maxGroupEntries }) },
    { title: 'GroupBeats', ...strict, examples: [{ beats: [{ ...example, beat: 17 }] }] },
  ),
  ack: Type.Object(
    { session: sessionText, beat: Type.Optional(beatNumber), acks },
    { title: 'GroupAck', ...strict, examples: [{ ...example, acks: [exampleAck] }] },
  ),
  release: Type.Object(
    { session: sessionText, releases: acks },
    { title: 'GroupRelease', ...strict, examples: [{ ...example, releases: [exampleAck] }] },
  ),
  leave: Type.Object(
    {
      session: sessionText,
      acks: Type.Optional(acks),
      keepMs: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 60_000,
          description: 'Milliseconds for which the share waits for the same name',
        }),
      ),
    },
    { title: 'GroupLeave', ...strict, examples: [{ ...example, acks: [exampleAck], keepMs: 10_000 }] },
  ),
  hold: Type.Object(
    {
      session: sessionText,
      ...generationMembers,
      stream: streamText,
      position: Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Of the message that failed, in its stream',
      }),
      error: Type.String({ maxLength: 4_096, description: 'Its first 500 characters are kept' }),
      retryInMs: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 86_400_000, description: 'Absent: it is parked, as with park' }),
      ),
      park: Type.Optional(Type.Literal(true)),
    },
    {
      title: 'GroupHold',
      ...strict,
      examples: [
        {
          ...example,
          ...generationOf(exampleAck),
          stream: 'account-28',
          position: 7,
          error: 'timeout',
          retryInMs: 5_000,
        },
      ],
    },
  ),
  settle: Type.Object(
    {
      session: sessionText,
      ...generationMembers,
      stream: streamText,
      position: Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Messages of the stream up to here are settled',
      }),
      upTo: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'Global position up to which the worker has passed by messages of the stream',
        }),
      ),
    },
    {
      title: 'GroupSettle',
      ...strict,
      examples: [{ ...example, ...generationOf(exampleAck), stream: 'account-28', position: 7 }],
    },
  ),
};

/** What workers of a group send: that they live, what is done, and what they let go. */
export function routeGroupWork(server: Server, maybe: MaybeGroups): void {
  const nothing = { 204: { type: 'null', description: 'Done' } } as const;
  const config = { access: 'write' } as const;
  const tags = ['groups'];

  server.post(
    '/groups/beat',
    {
      config,
      schema: {
        operationId: 'beatGroups',
        summary: 'Beat for many members',
        description: 'Says that the workers of these sessions live, of any number of groups.',
        tags,
        body: bodies.beats,
        response: nothing,
      },
    },
    async (request, reply) => {
      const groups = supported(maybe);
      const { beats } = await bodyOf(request, bodies.beats);
      for (const { session, beat } of beats) groups.node.beat(session, beat);
      reply.code(204);
      return null;
    },
  );

  server.post(
    '/groups/:group/beat',
    {
      config,
      schema: {
        operationId: 'beatGroup',
        summary: 'Beat',
        description:
          'Says that a worker lives. Its lease is confirmed in its stream, by an event `lease` with this number.',
        tags,
        params: groupParam,
        body: bodies.beat,
        response: nothing,
      },
    },
    async (request, reply) => {
      const { groups } = aboutOf(maybe, request);
      const { session, beat } = await bodyOf(request, bodies.beat);
      groups.node.beat(session, beat);
      reply.code(204);
      return null;
    },
  );

  server.post(
    '/groups/:group/ack',
    {
      config,
      schema: {
        operationId: 'ackGroup',
        summary: 'Acknowledge',
        description:
          'Settles everything of partitions up to global positions, durably. A position of before changes nothing. What ' +
          'another generation owns by now is `fenced`; where all is, the answer is 409 `FENCED`.',
        tags,
        params: groupParam,
        body: bodies.ack,
        response: {
          200: Type.Object({
            acked: Type.Array(Type.Object({ ...generationMembers, position: positionMember }), {
              maxItems: maxGroupEntries,
            }),
            fenced: Type.Array(Type.Object({ ...generationMembers, current: Type.Integer({ minimum: 0 }) }), {
              maxItems: maxGroupEntries,
            }),
          }),
        },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const body = await bodyOf(request, bodies.ack);
      if (body.beat !== undefined) groups.node.beat(body.session, body.beat);
      const answer = await acknowledge(groups, namespace, name, body.acks);
      const [first] = answer.fenced;
      if (first !== undefined && answer.acked.length === 0) throw fencedError(first, first.current);
      return { acked: [...answer.acked], fenced: [...answer.fenced] };
    },
  );

  server.post(
    '/groups/:group/release',
    {
      config,
      schema: {
        operationId: 'releaseGroup',
        summary: 'Release',
        description:
          'Settles partitions up to global positions and lets them go. What is not owned any more is passed over.',
        tags,
        params: groupParam,
        body: bodies.release,
        response: { 200: Type.Object({ released: Type.Array(generationSchema, { maxItems: maxGroupEntries }) }) },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session, releases } = await bodyOf(request, bodies.release);
      await release(groups, namespace, name, session, releases);
      return { released: releases.map(generationOf) };
    },
  );

  server.post(
    '/groups/:group/leave',
    {
      config,
      schema: {
        operationId: 'leaveGroup',
        summary: 'Leave',
        description: 'Settles partitions and takes the session out: its worker has stopped, and starts nothing more.',
        tags,
        params: groupParam,
        body: bodies.leave,
        response: nothing,
      },
    },
    async (request, reply) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session, acks: done = [], keepMs = 0 } = await bodyOf(request, bodies.leave);
      if (done.length > 0) await acknowledge(groups, namespace, name, done);
      else await groups.known(namespace, name);
      await groups.node.leave(groups.nameOf(namespace, name), session, keepMs);
      reply.code(204);
      return null;
    },
  );

  server.post(
    '/groups/:group/hold',
    {
      config,
      schema: {
        operationId: 'holdStream',
        summary: 'Hold a stream',
        description:
          'A message of the stream failed: it and what lies behind it wait, until it is retried, or for good where it is ' +
          'parked. The checkpoint may pass it then.',
        tags,
        params: groupParam,
        body: bodies.hold,
        response: { 200: Type.Object({ held: Type.Boolean() }) },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session: _session, park: isParked, retryInMs: retryMs, ...body } = await bodyOf(request, bodies.hold);
      const retryInMs = isParked === true ? undefined : retryMs;
      await hold(groups, namespace, name, { ...body, stream: checkName('stream', body.stream), retryInMs });
      return { held: true };
    },
  );

  server.post(
    '/groups/:group/settle',
    {
      config,
      schema: {
        operationId: 'settleStream',
        summary: 'Settle a held stream',
        description:
          'Settles the messages of a held stream up to a position, and says at which one it waits then, if any.',
        tags,
        params: groupParam,
        body: bodies.settle,
        response: {
          200: Type.Object({ held: Type.Boolean(), position: Type.Optional(Type.Integer({ minimum: 0 })) }),
        },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session: _session, upTo = 0, ...body } = await bodyOf(request, bodies.settle);
      const held = await settle(groups, namespace, name, { ...body, stream: checkName('stream', body.stream), upTo });
      return held === undefined ? { held: false } : { held: true, position: held.position };
    },
  );
}

function generationOf<T extends { partition: number; layout: number; generation: number }>({
  partition,
  layout,
  generation,
}: T) {
  return { partition, layout, generation };
}
