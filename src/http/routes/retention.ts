import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { RetentionRules } from '../../retention/retention-rules.ts';
import { maxRetentionRules } from '../../store/retention.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { fitBody, parseJsonBody } from '../plumbing/json-body.ts';
import { categoryParam, categoryText, readCategory } from '../plumbing/parameters.ts';
import { limitsOf, limitsSchema, ruleJson } from '../plumbing/retention-limits.ts';
import type { Server } from '../plumbing/server.ts';

const count = Type.Integer({ minimum: 0 });
const limit = (description: string) => Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description });

const ruleSchema = Type.Object(
  {
    category: Type.Union([Type.String(categoryText), Type.Null()], { description: 'null: the whole log' }),
    maxAgeMs: limit('null: not limited'),
    maxMessages: limit('null: not limited'),
    maxBytes: limit('null: not limited'),
    isDefault: Type.Boolean({ description: 'Whether it comes from the settings of the server' }),
    holds: Type.Object({
      messages: count,
      bytes: count,
      oldest: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
    }),
    takes: Type.Object(
      {
        messages: count,
        bytes: count,
        isWhole: Type.Boolean({ description: 'false: counting stopped early, and there may be more' }),
      },
      { description: 'What the rule deletes' },
    ),
  },
  { title: 'RetentionRule' },
);

const dryRunQuery = Type.Object({
  dryRun: Type.Optional(
    Type.Enum(['true', 'false'], { description: '"true": only report what the rule would delete' }),
  ),
});

type DryRun = { readonly dryRun?: string };

const outline = {
  levels: 1,
  isEmpty: () => false,
  maxMembers: Object.keys(limitsSchema.properties).length + 1,
  maxElements: 1,
};

/** Lists, sets and removes retention rules of a log and its categories. */
export function routeRetention(server: Server, rules: RetentionRules): void {
  const put = async (request: FastifyRequest, reply: FastifyReply, category: string | undefined, dryRun = 'false') => {
    const body = await parseJsonBody(request.body as Buffer | undefined, outline, 'the limits');
    const limits = limitsOf(fitBody(limitsSchema, body));
    server.beginRead(request, reply);
    const { namespace } = grantOf(request);
    if (dryRun !== 'true') await rules.set(namespace, category, limits);
    return ruleJson(await rules.look(namespace, { category, limits }));
  };
  const remove = async (request: FastifyRequest, reply: FastifyReply, category: string | undefined) => {
    await rules.set(grantOf(request).namespace, category, undefined);
    reply.code(204);
    return null;
  };

  server.get(
    '/retention',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'listRetention',
        summary: 'List retention rules',
        description: 'The rules in force, with the messages that each covers and those that it would delete now.',
        tags: ['retention'],
        response: { 200: Type.Object({ rules: Type.Array(ruleSchema, { maxItems: maxRetentionRules + 1 }) }) },
      },
    },
    async (request, reply) => {
      server.beginRead(request, reply);
      return { rules: (await rules.list(grantOf(request).namespace)).map(ruleJson) };
    },
  );

  server.put(
    '/retention',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'setRetention',
        summary: 'Limit the log',
        description:
          'Limits what is kept of the whole log. The oldest messages beyond the limits are permanently deleted.',
        tags: ['retention'],
        querystring: dryRunQuery,
        body: limitsSchema,
        response: { 200: ruleSchema },
      },
    },
    async (request, reply) => put(request, reply, undefined, (request.query as DryRun).dryRun),
  );

  server.delete(
    '/retention',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteRetention',
        summary: 'Remove the limit of the log',
        description: "Removes the rule of the whole log. The server's default rule then applies, if there is one.",
        tags: ['retention'],
        response: { 204: { type: 'null', description: 'The rule no longer exists' } },
      },
    },
    async (request, reply) => remove(request, reply, undefined),
  );

  server.put(
    '/categories/:category/retention',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'setCategoryRetention',
        summary: 'Limit a category',
        description:
          'Limits what is kept of a category, in addition to the rule of the whole log. The category need not have messages yet.',
        tags: ['retention'],
        params: categoryParam,
        querystring: dryRunQuery,
        body: limitsSchema,
        response: { 200: ruleSchema },
      },
    },
    async (request, reply) => {
      const category = readCategory('category', request.params.category);
      return put(request, reply, category, (request.query as DryRun).dryRun);
    },
  );

  server.delete(
    '/categories/:category/retention',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'deleteCategoryRetention',
        summary: 'Remove the limit of a category',
        description: 'Removes the rule of the category.',
        tags: ['retention'],
        params: categoryParam,
        response: { 204: { type: 'null', description: 'The rule no longer exists' } },
      },
    },
    async (request, reply) => remove(request, reply, readCategory('category', request.params.category)),
  );
}
