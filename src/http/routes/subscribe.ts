import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { requireScope } from '../../access/access.ts';
import type { GrantWatch } from '../../access/grant-watch.ts';
import type { Places } from '../../admission/places.ts';
import { invalid, PokewireError } from '../../errors.ts';
import { joinGroup } from '../../groups/join-group.ts';
import type { MemberStream } from '../../groups/member-stream.ts';
import type { Hub } from '../../hub/hub.ts';
import type { SubscribeRequest } from '../../hub/starting-point.ts';
import type { Subscription } from '../../hub/subscription.ts';
import { maxGroupSize } from '../../message/consumer-group.ts';
import { type Selection, selectionDigest } from '../../message/selection.ts';
import { checkName } from '../../message/stream-name.ts';
import { parseCursor } from '../../sse/cursor.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { refusalOf, sendRefusal } from '../plumbing/error-handler.ts';
import { eventStreamHead, eventStreamHeaders, framingOf } from '../plumbing/event-stream.ts';
import { groupOf, groupQuery, positionQuery, readCategory } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';
import { takeSocket } from '../plumbing/take-socket.ts';
import { groupJoinOf, groupMemberQuery, isMember } from './groups/group-join.ts';
import { type MaybeGroups, supported } from './groups/group-requests.ts';
import {
  claimedText,
  isRefusedByStream,
  type RetryBounds,
  randomRetryMs,
  refuseByStream,
} from './refused-subscription.ts';

/** Dependencies of the subscription route. */
export type SubscribeOptions = RetryBounds & {
  readonly places: Places;
  /** Ends subscriptions whose grant ended. */
  readonly grants: GrantWatch;
  readonly groups: MaybeGroups;
  readonly maxSelectors: number;
  /** Called for each subscription refused because a limit is reached. */
  readonly refused: () => void;
};

const memberAlias = Type.Optional(
  Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'Alias of consumer' }),
);
const sizeAlias = Type.Optional(Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'Alias of size' }));

function querySchema(maxItems: number) {
  return Type.Object({
    stream: Type.Optional(Type.Array(Type.String(), { maxItems, description: 'A stream name; repeatable' })),
    category: Type.Optional(Type.Array(Type.String(), { maxItems, description: 'A category; repeatable' })),
    all: Type.Optional(Type.Enum(['true', 'false'], { description: '"true": every message, without replay' })),
    position: positionQuery(
      'Where to start, inclusive: a stream position for a single stream, otherwise a global position',
    ),
    consumer: groupQuery.consumer,
    size: Type.Optional(
      Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'Number of members of the consumer group' }),
    ),
    consumerGroupMember: memberAlias,
    consumerGroupSize: sizeAlias,
    lastEventId: Type.Optional(
      Type.String({ description: 'Like the header Last-Event-ID, for clients that cannot set headers' }),
    ),
    hello: Type.Optional(
      Type.Enum(['true', 'false'], {
        description: '"true": also send the named events hello, reset, and end for every reason',
      }),
    ),
    epoch: Type.Optional(
      Type.String({ maxLength: 64, description: 'The log that position refers to, from a hello event' }),
    ),
    heartbeat: Type.Optional(
      Type.Enum(['comment', 'head'], {
        description: '"head": heartbeats are events with the head of the selection and the number of pokes sent',
      }),
    ),
    heartbeatMs: Type.Optional(
      Type.Integer({
        minimum: 1_000,
        maximum: 60_000,
        description:
          'Milliseconds between two heartbeats, rounded down to whole seconds. Default: the setting of the server',
      }),
    ),
    conflate: Type.Optional(
      Type.Enum(['true', 'false'], {
        description: '"true": what a slow reader missed is sent as one poke per stream, with from and count',
      }),
    ),
    ticket: Type.Optional(Type.String({ description: 'From POST /subscribe/ticket, instead of a token' })),
    ...groupMemberQuery,
  });
}

type Query = Static<ReturnType<typeof querySchema>>;

/** The event stream: parses the request, takes a quota, and passes the socket to the hub. */
export function routeSubscribe(server: Server, hub: Hub, options: SubscribeOptions): void {
  const schema = {
    operationId: 'subscribe',
    summary: 'Subscribe',
    description:
      'An endless stream of server-sent events with one `poke` for each selected message: first those in the log after ' +
      'the starting point, then every message as it is appended. Resumes after Last-Event-ID.',
    tags: ['subscriptions'],
    // The limit applies to streams and categories together as well; see parseSelection.
    querystring: querySchema(options.maxSelectors),
    produces: ['text/event-stream'],
  };
  const config = { emptyIsAbsent: true, access: 'read' } as const;

  const parse = (request: FastifyRequest<{ Querystring: Query }>): SubscribeRequest => {
    const { namespace, boundTo } = grantOf(request);
    const { query } = request;
    const selection = parseSelection(query, options.maxSelectors);
    if (boundTo !== undefined && boundTo !== selectionDigest(selection)) {
      throw new PokewireError(
        'AUTH_UNAUTHORIZED',
        'The ticket is for other selectors, and is now used up. Request a new one.',
      );
    }
    const claimed = claimedText(request);
    return {
      log: namespace.log,
      selection,
      position: query.position ?? 0,
      lastEventId: claimed === undefined ? undefined : parseCursor(claimed),
      epoch: query.epoch,
      wishes: {
        hello: query.hello === 'true',
        heads: query.heartbeat === 'head',
        conflated: query.conflate === 'true',
        heartbeatMs: query.heartbeatMs === undefined ? undefined : Math.floor(query.heartbeatMs / 1_000) * 1_000,
      },
    };
  };

  /** Acquires the resources of an open subscription; returns the function that releases them. */
  const admit = (request: FastifyRequest): (() => void) => {
    const address = options.places.limitsAddresses ? request.ip : undefined;
    const holder = { namespaceId: grantOf(request).namespace.id, address };
    try {
      options.places.take(holder);
    } catch (error) {
      options.refused();
      throw error;
    }
    return () => options.places.release(holder);
  };

  const errorHandler = async (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = refusalOf(error, request);
    if (!isRefusedByStream(request, refusal)) return sendRefusal(reply, refusal);
    return refuseByStream(request, reply, refusal, options);
  };

  const whenReading = { schema, config: { ...config, takesTicket: true }, exposeHeadRoute: false, errorHandler };
  const parseJoin = (request: FastifyRequest<{ Querystring: Query }>) => {
    // Members need this scope to send acknowledgements.
    requireScope(grantOf(request), 'write');
    return { asked: groupJoinOf(request.query, request.ip), groups: supported(options.groups) };
  };

  /** Joins a consumer group; a member's stream has a different format. */
  const join = async (request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) => {
    const { asked, groups } = parseJoin(request);
    const grant = grantOf(request);
    let released = admit(request);
    let stream: MemberStream | undefined;
    try {
      // Functions that live as long as the stream name neither request nor reply, which would stay in memory as long.
      stream = await joinGroup(groups, grant.namespace, asked, () => released());
      const letGo = options.grants.hold(grant, (reason) => stream?.end(reason));
      const release = released;
      released = () => {
        release();
        letGo();
      };
      const framing = framingOf(request.raw);
      const head = eventStreamHead(reply, framing);
      reply.hijack();
      const sink = await takeSocket(request.raw, reply.raw);
      if (sink === undefined) stream.abandon();
      else stream.open(sink, framing, head, randomRetryMs(options));
    } catch (error) {
      // By then the member's lease has expired, so its name can be taken.
      if (error instanceof PokewireError && error.code === 'MEMBER_TAKEN') retryAfter(reply, 2, 3);
      if (stream === undefined) released();
      else stream.abandon();
      throw error;
    }
  };

  server.get('/subscribe', whenReading, async (request, reply) => {
    if (isMember(request.query)) return join(request, reply);
    const asked = parse(request);
    const grant = grantOf(request);
    const release = admit(request);
    let released = release;
    let subscription: Subscription | undefined;
    try {
      const framing = framingOf(request.raw);
      const greeting = { head: eventStreamHead(reply, framing), retryMs: randomRetryMs(options) };
      reply.hijack();
      const sink = await takeSocket(request.raw, reply.raw);
      if (sink === undefined) return;
      const letGo = options.grants.hold(grant, (reason) => subscription?.end(reason));
      released = () => {
        release();
        letGo();
      };
      subscription = hub.subscribe({ request: asked, socket: { sink, framing }, greeting, released });
    } finally {
      if (subscription === undefined) released();
    }
  });

  server.head('/subscribe', { schema: { ...schema, hide: true }, config }, async (request, reply) => {
    if (isMember(request.query)) parseJoin(request);
    else parse(request);
    return reply.headers(eventStreamHeaders).send();
  });
}

/** Parses the selectors; throws `INVALID_REQUEST`. */
export function parseSelection(query: Query, maxSelectors: number): Selection {
  const streams = [...new Set(query.stream)].map((name) => checkName('stream', name));
  const categories = [...new Set(query.category)].map((name) => readCategory('category', name));
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
  const consumer = once('consumer', query.consumer, query.consumerGroupMember);
  const size = once('size', query.size, query.consumerGroupSize);
  // EventoDB treats a size without a member as its first member, and zero for both as no group.
  if (size !== undefined && size > 0) return groupOf(consumer ?? 0, size);
  if (consumer !== undefined && consumer > 0) return groupOf(consumer, size === 0 ? undefined : size);
  return null;
}

function once(name: string, given: number | undefined, alias: number | undefined): number | undefined {
  if (given !== undefined && alias !== undefined) throw invalid(name, 'is given twice, once by its alias');
  return given ?? alias;
}
