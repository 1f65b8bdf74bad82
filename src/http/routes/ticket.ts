import { type Static, Type } from 'typebox';
import type { Tickets } from '../../access/tickets.ts';
import { invalid, PokewireError } from '../../errors.ts';
import type { Outline } from '../../message/long-json.ts';
import { selectionDigest } from '../../message/selection.ts';
import { maxTickets, maxTicketsOfNamespace, ticketLifetimeMs } from '../../store/ticket-store.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { fitBody, parseJsonBody } from '../plumbing/json-body.ts';
import { categoryText, groupQuery, nameText } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';
import { parseSelection } from './subscribe.ts';

const bodySchema = Type.Object(
  {
    stream: Type.Optional(Type.Array(Type.String(), { description: 'Stream names' })),
    category: Type.Optional(Type.Array(Type.String(), { description: 'Categories' })),
    all: Type.Optional(Type.Boolean({ description: 'Every message' })),
    ...groupQuery,
  },
  { additionalProperties: false },
);

/** The same schema with all its limits, for the description. */
function describedBody(maxSelectors: number) {
  const names = (text: typeof nameText, description: string) =>
    Type.Optional(Type.Array(Type.String(text), { description, maxItems: maxSelectors }));
  return Type.Object(
    { ...bodySchema.properties, stream: names(nameText, 'Stream names'), category: names(categoryText, 'Categories') },
    { title: 'Selectors', additionalProperties: false, examples: [{ category: ['account'] }] },
  );
}

const known = Object.keys(bodySchema.properties);

/** Tickets for `GET /subscribe`, for clients that cannot set headers there. */
export function routeTickets(server: Server, tickets: Tickets, maxSelectors: number): void {
  server.post(
    '/subscribe/ticket',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'issueTicket',
        summary: 'Get a ticket',
        description:
          `A ticket for one subscription with these selectors: GET /subscribe accepts it as the parameter \`ticket\` instead ` +
          `of a token. It can be used once, within ${ticketLifetimeMs / 1_000} seconds.`,
        tags: ['subscriptions'],
        body: describedBody(maxSelectors),
        response: {
          201: Type.Object({
            ticket: Type.String({ minLength: 1 }),
            expiresAt: Type.String({ format: 'date-time', description: 'RFC 3339, UTC' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const body = await parseBody(request.body as unknown as Buffer | undefined, maxSelectors);
      const selection = parseSelection({ ...body, all: body.all === true ? 'true' : 'false' }, maxSelectors);
      const grant = grantOf(request);
      const issued = await tickets.issue(grant, selectionDigest(selection));
      if (issued.ticket === undefined) {
        retryAfter(reply, Math.ceil(issued.roomInMs / 1_000), 5);
        throw new PokewireError(
          'RATE_LIMITED',
          `Too many unused tickets: the limits are ${maxTicketsOfNamespace} per namespace and ${maxTickets} in total.`,
          { details: { maxTickets, maxTicketsOfNamespace } },
        );
      }
      reply.code(201);
      return { ticket: issued.ticket, expiresAt: new Date(Date.now() + ticketLifetimeMs).toISOString() };
    },
  );
}

async function parseBody(body: Buffer | undefined, maxSelectors: number): Promise<Static<typeof bodySchema>> {
  const outline: Outline = {
    levels: 2,
    isEmpty: () => false,
    // One more than the known members, so that an unknown or surplus member is noticed.
    maxMembers: known.length + 1,
    maxElements: maxSelectors + 1,
  };
  const parsed = await parseJsonBody(body, outline, 'the selectors');
  refuseLongLists(parsed, maxSelectors);
  return fitBody(bodySchema, parsed);
}

/** Checks the lengths before each element is validated. */
function refuseLongLists(parsed: unknown, maxSelectors: number): void {
  for (const name of ['stream', 'category'] as const) {
    const list = (parsed as Partial<Static<typeof bodySchema>> | null)?.[name];
    if (Array.isArray(list) && list.length > maxSelectors)
      throw invalid(name, `must have at most ${maxSelectors} entries`);
  }
}
