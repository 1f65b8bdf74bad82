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
  supported,
} from './group-requests.ts';
import { generationOf, generationSchema, workBodies } from './group-work-bodies.ts';

/** Routes for the workers of consumer groups: heartbeats, acknowledgements, releases, and held streams. */
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
        summary: 'Send beats of many members',
        description: 'Confirms that the workers of these sessions are alive. They can belong to different groups.',
        tags,
        body: workBodies.beats,
        response: nothing,
      },
    },
    async (request, reply) => {
      const groups = supported(maybe);
      const { beats } = await bodyOf(request, workBodies.beats);
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
          'Confirms that a worker is alive. The event `lease` with this number confirms its lease in its stream.',
        tags,
        params: groupParam,
        body: workBodies.beat,
        response: nothing,
      },
    },
    async (request, reply) => {
      const { groups } = aboutOf(maybe, request);
      const { session, beat } = await bodyOf(request, workBodies.beat);
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
          'Durably settles partitions up to global positions. An earlier position changes nothing. Partitions that belong to ' +
          'another generation are returned as `fenced`; if all do, the answer is 409 `FENCED`.',
        tags,
        params: groupParam,
        body: workBodies.ack,
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
      const body = await bodyOf(request, workBodies.ack);
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
          'Settles partitions up to global positions and releases them. Partitions no longer owned are ignored.',
        tags,
        params: groupParam,
        body: workBodies.release,
        response: { 200: Type.Object({ released: Type.Array(generationSchema, { maxItems: maxGroupEntries }) }) },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session, releases } = await bodyOf(request, workBodies.release);
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
        description:
          'Settles partitions and ends the session. Its worker must have stopped and start no more handlers.',
        tags,
        params: groupParam,
        body: workBodies.leave,
        response: nothing,
      },
    },
    async (request, reply) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session, acks: done = [], keepMs = 0 } = await bodyOf(request, workBodies.leave);
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
          'Holds a stream whose message failed. That message and later ones wait until it is retried or, if parked, until an ' +
          'administrator acts. The checkpoint may move past them.',
        tags,
        params: groupParam,
        body: workBodies.hold,
        response: { 200: Type.Object({ held: Type.Boolean() }) },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session: _session, park: isParked, retryInMs: retryMs, ...body } = await bodyOf(request, workBodies.hold);
      const retryInMs = isParked === true ? undefined : retryMs;
      const asked = { ...body, stream: checkName('stream', body.stream), retryInMs };
      return { held: await hold(groups, namespace, name, asked) };
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
          'Settles messages of a held stream up to a position, and returns the position at which it waits next, if any.',
        tags,
        params: groupParam,
        body: workBodies.settle,
        response: {
          200: Type.Object({ held: Type.Boolean(), position: Type.Optional(Type.Integer({ minimum: 0 })) }),
        },
      },
    },
    async (request) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      const { session: _session, upTo = 0, ...body } = await bodyOf(request, workBodies.settle);
      const held = await settle(groups, namespace, name, { ...body, stream: checkName('stream', body.stream), upTo });
      return held === undefined ? { held: false } : { held: true, position: held.position };
    },
  );
}
