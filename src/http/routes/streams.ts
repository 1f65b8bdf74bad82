import { Type } from 'typebox';
import { PokewireError } from '../../errors.ts';
import { messageJson } from '../../message/message.ts';
import { nothing } from '../../message/selection.ts';
import { checkName, maxNameBytes, maxTypeBytes } from '../../message/stream-name.ts';
import type { StreamSummary } from '../../store/log.ts';
import type { Store } from '../../store/store.ts';
import { logOf } from '../plumbing/authenticate.ts';
import { jsonType } from '../plumbing/error-handler.ts';
import { messageSchema, type SendMessages } from '../plumbing/message-pages.ts';
import {
  batchSizeQuery,
  defaultPageSize,
  epochQuery,
  limitOf,
  maxPageSize,
  nameLimits,
  nextCursor,
  pageQuery,
  positionQuery,
  streamParam,
} from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';

const streamSchema = Type.Object(
  {
    stream: Type.String(nameLimits),
    version: Type.Integer({ minimum: 0, description: 'Position of its last message, including deleted ones' }),
    messageCount: Type.Integer({ minimum: 0 }),
    lastActivity: Type.String({
      format: 'date-time',
      description: 'Time of its last message, including deleted ones, RFC 3339',
    }),
  },
  { title: 'Stream' },
);

/** Lists streams, describes one, and reads its messages. */
export function routeStreams(server: Server, store: Store, sendMessages: SendMessages): void {
  server.get(
    '/streams',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'listStreams',
        summary: 'List streams',
        description: 'Streams by name, in order of UTF-8 bytes.',
        tags: ['streams'],
        querystring: Type.Object({
          prefix: Type.Optional(
            Type.String({ maxLength: maxNameBytes, description: 'Only names that start with this text' }),
          ),
          ...pageQuery,
        }),
        response: {
          200: Type.Object({
            streams: Type.Array(streamSchema, { maxItems: maxPageSize }),
            cursor: nextCursor,
          }),
        },
      },
    },
    async (request, reply) => {
      server.beginRead(request, reply);
      const { query } = request;
      const limit = query.limit ?? defaultPageSize;
      const streams = await store.log(logOf(request)).listStreams(query.prefix ?? '', query.cursor, limit + 1);
      const page = streams.slice(0, limit);
      return { streams: page.map(describe), cursor: streams.length > limit ? page.at(-1)!.stream : null };
    },
  );

  server.get(
    '/streams/:stream',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'describeStream',
        summary: 'Describe a stream',
        description: 'Version, number of messages and last activity of one stream.',
        tags: ['streams'],
        params: streamParam,
        response: { 200: streamSchema },
      },
    },
    async (request, reply) => {
      const { params } = request;
      const stream = checkName('stream', params.stream);
      server.beginRead(request, reply);
      const summary = await store.log(logOf(request)).describeStream(stream);
      if (summary === undefined) throw new PokewireError('STREAM_NOT_FOUND', `Stream ${stream} has no messages.`);
      return describe(summary);
    },
  );

  server.get(
    '/streams/:stream/messages',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'readStream',
        summary: 'Read a stream',
        description: 'Messages of a stream by position. An empty array if the stream has no messages.',
        tags: ['streams'],
        params: streamParam,
        querystring: Type.Object({
          position: positionQuery('First stream position to read'),
          globalPosition: positionQuery('First global position to read; position is ignored then'),
          batchSize: batchSizeQuery,
          epoch: epochQuery,
        }),
        response: { 200: Type.Array(messageSchema) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const stream = checkName('stream', params.stream);
      const { position = 0, globalPosition } = query;
      const log = store.log(logOf(request));
      const bounds = globalPosition === undefined ? undefined : () => log.bounds({ ...nothing, streams: [stream] });
      const start = (from: number) => (globalPosition === undefined ? { position: from } : { globalPosition: from });
      return sendMessages(reply, {
        read: server.beginRead(request, reply),
        from: globalPosition ?? position,
        limit: limitOf(query.batchSize),
        page: (from, limit) => log.readStream(stream, start(from), limit),
        expected: query.epoch === undefined ? undefined : { epoch: query.epoch, bounds },
      });
    },
  );

  server.get(
    '/streams/:stream/messages/last',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'readLastMessage',
        summary: 'Read the last message',
        description: 'The last message of the stream, or its last message of one type.',
        tags: ['streams'],
        params: streamParam,
        querystring: Type.Object({
          type: Type.Optional(Type.String({ maxLength: maxTypeBytes, description: 'Only messages of this type' })),
        }),
        response: { 200: messageSchema },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const stream = checkName('stream', params.stream);
      server.beginRead(request, reply);
      // An empty type means no filter.
      const message = await store.log(logOf(request)).readLast(stream, query.type || undefined);
      if (message === undefined) {
        const ofType = query.type ? ` of type ${query.type}` : '';
        throw new PokewireError('MESSAGE_NOT_FOUND', `Stream ${stream} has no message${ofType}.`);
      }
      return reply.header('content-type', jsonType).send(messageJson(message) as never);
    },
  );
}

function describe({ stream, version, messageCount, lastActivityMs }: StreamSummary) {
  return { stream, version, messageCount, lastActivity: new Date(lastActivityMs).toISOString() };
}
