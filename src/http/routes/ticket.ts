import { isUtf8 } from 'node:buffer';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { maxTickets, maxTicketsOfNamespace, type Tickets, ticketLifetimeMs } from '../../access/tickets.ts';
import { invalid, PokewireError } from '../../errors.ts';
import { selectionKey } from '../../message/selection.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { groupQuery } from '../plumbing/parameters.ts';
import { schemaProblem } from '../plumbing/schema-problem.ts';
import type { Server } from '../plumbing/server.ts';
import { parseSelection } from './subscribe.ts';

const bodySchema = Type.Object(
  {
    stream: Type.Optional(Type.Array(Type.String(), { description: 'Stream names' })),
    category: Type.Optional(Type.Array(Type.String(), { description: 'Categories' })),
    all: Type.Optional(Type.Boolean({ description: 'Every message' })),
    ...groupQuery,
  },
  { additionalProperties: false, examples: [{ category: ['account'] }] },
);

/** Tickets for `GET /subscribe`, for those who cannot set headers there. */
export function routeTickets(server: Server, tickets: Tickets, maxSelectors: number): void {
  server.post(
    '/subscribe/ticket',
    {
      config: { access: 'read' },
      schema: {
        summary: 'Get a ticket',
        description:
          `A ticket for one subscription with these selectors: GET /subscribe takes it as the parameter \`ticket\` in place ` +
          `of a token. It is good once, for ${ticketLifetimeMs / 1_000} seconds.`,
        tags: ['subscriptions'],
        body: bodySchema,
        response: {
          201: Type.Object({
            ticket: Type.String(),
            expiresAt: Type.String({ description: 'RFC 3339, UTC' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const body = parseBody(request.body as unknown as Buffer | undefined);
      const selection = parseSelection({ ...body, all: body.all === true ? 'true' : 'false' }, maxSelectors);
      const grant = grantOf(request);
      const nowMs = performance.now();
      const issued = tickets.issue(grant, selectionKey(selection), nowMs);
      if (issued.ticket === undefined) {
        retryAfter(reply, Math.ceil((issued.roomAtMs - nowMs) / 1_000), 5);
        throw new PokewireError(
          'RATE_LIMITED',
          `Too many tickets wait to be used: at most ${maxTicketsOfNamespace} of a namespace, ${maxTickets} in all.`,
          { details: { maxTickets, maxTicketsOfNamespace } },
        );
      }
      reply.code(201);
      return { ticket: issued.ticket, expiresAt: new Date(Date.now() + ticketLifetimeMs).toISOString() };
    },
  );
}

function parseBody(body: Buffer | undefined): Static<typeof bodySchema> {
  if (body === undefined || body.length === 0) throw invalid('body', 'is missing: send the selectors');
  if (!isUtf8(body)) throw invalid('body', 'must be UTF-8 text');
  const parsed = parseJson(body.toString());
  const [problem] = Value.Errors(bodySchema, parsed);
  if (problem !== undefined) {
    const field = problem.instancePath.slice(1).replaceAll('/', '.').slice(0, 64) || 'body';
    throw invalid(field, `${schemaProblem(problem)}; known are ${Object.keys(bodySchema.properties).join(', ')}`);
  }
  return parsed as Static<typeof bodySchema>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('body', 'must be JSON');
  }
}
