import { randomInt } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { invalid, PokewireError } from '../errors.ts';
import type { Hub } from '../hub/hub.ts';
import { type SubscribeRequest, startingPoint } from '../hub/starting-point.ts';
import { maxGroupSize } from '../message/consumer-group.ts';
import { checkName } from '../message/stream-name.ts';
import { readyFrame, retryFrame } from '../sse/frame.ts';
import type { MessageStore } from '../store/message-store.ts';
import { grantOf } from './authenticate.ts';
import { groupOf, groupQuery, positionQuery } from './parameters.ts';
import type { Server } from './server.ts';
import { takeSocket } from './take-socket.ts';

/** Selectors of one subscription at most. */
export const maxSelectors = 100;

export type SubscribeOptions = {
  readonly maxSubscriptions: number;
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
});

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Tells nginx not to collect the stream before it passes it on.
  'x-accel-buffering': 'no',
  // The stream ends with its connection, so it needs no chunks and reads the same through HTTP/1.0.
  connection: 'close',
};

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

  server.get('/subscribe', { schema, config, exposeHeadRoute: false }, async (request, reply) => {
    const { namespace, tokenId } = grantOf(request);
    const asked = parseSubscribe(namespace.log, request.query, request.headers['last-event-id']);
    const start = await startingPoint(store, asked);
    if (hub.subscriptions.size >= options.maxSubscriptions) {
      options.refused();
      throw new PokewireError(
        'TOO_MANY_SUBSCRIPTIONS',
        `All ${options.maxSubscriptions} subscriptions are taken. Come again later, or subscribe elsewhere.`,
        { details: { maxSubscriptions: options.maxSubscriptions } },
      );
    }
    const retry = retryFrame(randomInt(options.retryMinMs, options.retryMaxMs + 1));
    const greeting = Buffer.concat([responseHead(reply), readyFrame, retry]);
    reply.hijack();
    const socket = await takeSocket(request.raw, reply.raw);
    if (socket !== undefined)
      hub.subscribe(start, socket, greeting, { namespaceId: namespace.id, tokenId, address: request.ip });
  });

  server.head('/subscribe', { schema: { ...schema, hide: true }, config }, async (request, reply) => {
    parseSubscribe(grantOf(request).namespace.log, request.query, request.headers['last-event-id']);
    return reply.headers(headers).send();
  });
}

/** Reads the selectors and where to begin; throws `INVALID_REQUEST`. */
function parseSubscribe(
  namespace: string,
  query: Static<typeof querySchema>,
  header: string | string[] | undefined,
): SubscribeRequest {
  const streams = [...new Set(query.stream)].map((name) => checkName('stream', name));
  const categories = [...new Set(query.category)].map((name) => checkName('category', name));
  const all = query.all === 'true';
  const selectors = streams.length + categories.length;
  if (!all && selectors === 0) throw invalid('stream, category or all=true', 'is missing: what to subscribe to');
  if (all && selectors > 0) throw invalid('all', 'cannot be combined with stream or category');
  if (selectors > maxSelectors)
    throw invalid('stream and category', `may be given ${maxSelectors} times, got ${selectors}`);
  const group = parseGroup(query);
  if (group !== null && (categories.length === 0 || streams.length > 0)) {
    throw invalid('consumer', 'partitions categories: it needs category and cannot be combined with stream or all');
  }
  return {
    namespace,
    selection: { all, streams, categories, group, fromPosition: 0 },
    position: query.position ?? 0,
    lastEventId: parseLastEventId(header) ?? query.lastEventId,
  };
}

function parseGroup(query: Static<typeof querySchema>) {
  const consumer = query.consumer ?? query.consumerGroupMember;
  const size = query.size ?? query.consumerGroupSize;
  // EventoDB takes a size alone for its first member, and both at 0 for no group.
  if (size !== undefined && size > 0) return groupOf(consumer ?? 0, size);
  if (consumer !== undefined && consumer > 0) return groupOf(consumer, size === 0 ? undefined : size);
  return null;
}

function parseLastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  const value = Number(header);
  if (typeof header !== 'string' || !/^\d+$/.test(header) || !Number.isSafeInteger(value)) {
    throw invalid('Last-Event-ID', `must be a global position, got "${String(header).slice(0, 64)}"`);
  }
  return value;
}

/** The head of the response as bytes, with what hooks have added (CORS, request id). */
function responseHead(reply: FastifyReply): Buffer {
  const lines = ['HTTP/1.1 200 OK'];
  for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...headers })) lines.push(`${name}: ${value}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
