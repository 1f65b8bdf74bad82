import { randomInt } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Places } from '../../admission/places.ts';
import { invalid, PokewireError } from '../../errors.ts';
import type { Hub } from '../../hub/hub.ts';
import { type StartingPoint, type SubscribeRequest, startingPoint } from '../../hub/starting-point.ts';
import type { Holder } from '../../hub/subscription.ts';
import { maxGroupSize } from '../../message/consumer-group.ts';
import { type Selection, selectionKey } from '../../message/selection.ts';
import { checkName } from '../../message/stream-name.ts';
import { helloFrame, readyFrame, resetFrame, retryFrame } from '../../sse/frame.ts';
import type { MessageStore } from '../../store/message-store.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { eventStreamHead, eventStreamHeaders } from '../plumbing/event-stream.ts';
import { groupOf, groupQuery, positionQuery } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';
import { takeSocket } from '../plumbing/take-socket.ts';

/** What the route of subscriptions needs. */
export type SubscribeOptions = {
  /** Subscriptions take their place here; whoever hears of their end gives it back. */
  readonly places: Places;
  readonly maxSelectors: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** Called for each subscription that finds no place. */
  readonly refused: () => void;
};

const memberAlias = Type.Optional(
  Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'The same as consumer' }),
);
const sizeAlias = Type.Optional(Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'The same as size' }));

const querySchema = Type.Object({
  stream: Type.Optional(Type.Array(Type.String(), { description: 'A stream name; repeatable' })),
  category: Type.Optional(Type.Array(Type.String(), { description: 'A category; repeatable' })),
  all: Type.Optional(Type.String({ description: '"true": every message; no replay' })),
  position: positionQuery('Where to begin, inclusive: a stream position for a single stream, else a global position'),
  consumer: groupQuery.consumer,
  size: Type.Optional(
    Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'Members of the consumer group' }),
  ),
  consumerGroupMember: memberAlias,
  consumerGroupSize: sizeAlias,
  lastEventId: Type.Optional(
    Type.Integer({ minimum: 0, description: 'As the header Last-Event-ID, where a header cannot be set' }),
  ),
  hello: Type.Optional(
    Type.Enum(['true', 'false'], {
      description: '"true": named events beside the pokes: hello, reset, and end for every reason',
    }),
  ),
  epoch: Type.Optional(
    Type.String({ maxLength: 64, description: 'The log that position and lastEventId are of, from a hello event' }),
  ),
  heartbeat: Type.Optional(
    Type.Enum(['comment', 'head'], {
      description: '"head": heartbeats are events that tell the head of what the selectors name',
    }),
  ),
  conflate: Type.Optional(
    Type.Enum(['true', 'false'], {
      description: '"true": what you miss while you read too slowly comes as one poke a stream, with from and count',
    }),
  ),
  ticket: Type.Optional(Type.String({ description: 'From POST /subscribe/ticket, in place of a token' })),
});

type Query = Static<typeof querySchema>;

/** The event stream: parses the request, takes a place for it, and hands its socket to the hub. */
export function routeSubscribe(server: Server, store: MessageStore, hub: Hub, options: SubscribeOptions): void {
  const schema = {
    summary: 'Subscribe',
    description:
      'An endless stream of server-sent events, one `poke` for each message that a selector names: what the log holds ' +
      'behind the starting point, then every message as it is appended. Resumes after Last-Event-ID.',
    tags: ['subscriptions'],
    querystring: querySchema,
    produces: ['text/event-stream'],
  };
  const config = { emptyIsAbsent: true, access: 'read' } as const;

  const parse = (request: FastifyRequest<{ Querystring: Query }>): SubscribeRequest => {
    const { namespace, boundTo } = grantOf(request);
    const { query, headers } = request;
    const selection = parseSelection(query, options.maxSelectors);
    if (boundTo !== undefined && boundTo !== selectionKey(selection)) {
      throw new PokewireError(
        'AUTH_UNAUTHORIZED',
        'The ticket is for other selectors. It is used up; ask for another.',
      );
    }
    const lastEventId = parseLastEventId(headers['last-event-id']) ?? query.lastEventId;
    return {
      namespace: namespace.log,
      selection,
      position: query.position ?? 0,
      lastEventId,
      epoch: query.epoch,
      wishes: {
        hello: query.hello === 'true',
        heads: query.heartbeat === 'head',
        conflated: query.conflate === 'true',
      },
    };
  };

  const takePlace = (holder: Holder): void => {
    try {
      options.places.take(holder);
    } catch (error) {
      options.refused();
      throw error;
    }
  };

  const whenReading = { schema, config: { ...config, takesTicket: true }, exposeHeadRoute: false };
  server.get('/subscribe', whenReading, async (request, reply) => {
    const asked = parse(request);
    const { namespace, tokenId } = grantOf(request);
    const holder = { namespaceId: namespace.id, tokenId, address: request.ip };
    takePlace(holder);
    let isOpen = false;
    try {
      const start = await startingPoint(store, asked);
      const retry = retryFrame(randomInt(options.retryMinMs, options.retryMaxMs + 1));
      const greeting = Buffer.concat([eventStreamHead(reply), readyFrame, retry, ...namedGreeting(start)]);
      reply.hijack();
      const socket = await takeSocket(request.raw, reply.raw);
      isOpen = socket !== undefined;
      if (socket !== undefined) hub.subscribe(start, socket, greeting, holder);
    } finally {
      if (!isOpen) options.places.release(holder);
    }
  });

  server.head('/subscribe', { schema: { ...schema, hide: true }, config }, async (request, reply) => {
    parse(request);
    return reply.headers(eventStreamHeaders).send();
  });
}

/** Reads the selectors; throws `INVALID_REQUEST`. */
export function parseSelection(query: Query, maxSelectors: number): Selection {
  const streams = [...new Set(query.stream)].map((name) => checkName('stream', name));
  const categories = [...new Set(query.category)].map((name) => checkName('category', name));
  const all = query.all === 'true';
  const selectors = streams.length + categories.length;
  if (!all && selectors === 0) throw invalid('stream', 'is missing: name a stream, a category, or all=true');
  if (all && selectors > 0) throw invalid('all', 'cannot be combined with stream or category');
  if (selectors > maxSelectors)
    throw invalid('stream', `and category may be given ${maxSelectors} times together, got ${selectors}`);
  const group = parseGroup(query);
  if (group !== null && (categories.length === 0 || streams.length > 0)) {
    throw invalid('consumer', 'partitions categories: it needs category and cannot be combined with stream or all');
  }
  return { all, streams, categories, group, fromPosition: 0 };
}

function parseGroup(query: Query) {
  const consumer = query.consumer ?? query.consumerGroupMember;
  const size = query.size ?? query.consumerGroupSize;
  // EventoDB takes a size alone for its first member, and both at 0 for no group.
  if (size !== undefined && size > 0) return groupOf(consumer ?? 0, size);
  if (consumer !== undefined && consumer > 0) return groupOf(consumer, size === 0 ? undefined : size);
  return null;
}

/** What a subscriber is told first that asked for named events. */
function namedGreeting({ wishes, epoch, head, cursor, canResume, reset }: StartingPoint): Buffer[] {
  if (!wishes.hello) return [];
  const hello = helloFrame(epoch, head, canResume ? cursor : undefined, Date.now());
  return reset === undefined ? [hello] : [hello, resetFrame(reset)];
}

function parseLastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  const value = Number(header);
  if (typeof header !== 'string' || !/^\d+$/.test(header) || !Number.isSafeInteger(value)) {
    throw invalid('Last-Event-ID', `must be a global position, got "${String(header).slice(0, 64)}"`);
  }
  return value;
}
