import { Type } from 'typebox';
import { maxGroupPartitions } from '../../../groups/group.ts';
import { planResize } from '../../../groups/plan-resize.ts';
import { nameLimits } from '../../plumbing/parameters.ts';
import type { Server } from '../../plumbing/server.ts';
import { aboutOf, groupParam, type MaybeGroups, maxGroupNameBytes, sizeMember } from './group-requests.ts';

const count = Type.Integer({ minimum: 0 });

const planSchema = Type.Object(
  {
    size: sizeMember,
    streams: Type.Integer({ minimum: 0, description: 'Number of streams of the category that belong to a partition' }),
    exact: Type.Boolean({ description: 'Whether all streams were counted' }),
    moved: Type.Integer({ minimum: 0, description: 'Number of streams that would move to another member' }),
    perPartition: Type.Array(
      Type.Object(
        {
          member: Type.Union([Type.String({ maxLength: maxGroupNameBytes }), Type.Null()]),
          streams: count,
          messagesPerDay: Type.Number({ minimum: 0, description: 'Estimated from the latest messages' }),
        },
        { title: 'PlannedPartition' },
      ),
      { maxItems: maxGroupPartitions },
    ),
    largest: Type.Union([
      Type.Object(
        {
          stream: Type.String({ maxLength: nameLimits.maxLength }),
          share: Type.Number({ minimum: 0, maximum: 1, description: 'Share of the latest messages' }),
        },
        { title: 'LargestStream' },
      ),
      Type.Null(),
    ]),
    predecessors: Type.Integer({ minimum: 1, description: 'Number of current partitions that each new one waits for' }),
  },
  { title: 'ResizePlan' },
);

/** Reports what a resize of a group would change. */
export function routeGroupPlan(server: Server, maybe: MaybeGroups): void {
  server.post(
    '/groups/:group/plan',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'planResize',
        summary: 'Plan a resize',
        description:
          'Calculates what another number of partitions would change, without changing anything: how many streams would ' +
          'move, and how evenly streams and messages would be distributed. With the current size: how they are now.',
        tags: ['groups'],
        params: groupParam,
        querystring: Type.Object({
          size: Type.Integer({ minimum: 1, maximum: maxGroupPartitions, description: 'Partitions', examples: [16] }),
        }),
        response: { 200: planSchema },
      },
    },
    async (request, reply) => {
      const { groups, namespace, name } = aboutOf(maybe, request);
      server.beginRead(request, reply);
      const plan = await planResize(groups, namespace, name, request.query.size);
      const { size, streams, isExact, moved, partitions, largest, predecessors } = plan;
      return {
        size,
        streams,
        exact: isExact,
        moved,
        perPartition: partitions.map(({ member, ...counts }) => ({ member: member ?? null, ...counts })),
        largest: largest ?? null,
        predecessors,
      };
    },
  );
}
