import { Type } from 'typebox';
import { nothing } from '../../message/selection.ts';
import { maxNameBytes } from '../../message/stream-name.ts';
import type { Store } from '../../store/store.ts';
import { logOf } from '../plumbing/authenticate.ts';
import { messageSchema, type SendMessages } from '../plumbing/message-pages.ts';
import {
  batchSizeQuery,
  categoryParam,
  defaultPageSize,
  epochQuery,
  groupOf,
  groupQuery,
  limitOf,
  maxPageSize,
  nextCursor,
  pageQuery,
  positionQuery,
  readCategory,
} from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';

/** Lists categories, and reads the messages of one. */
export function routeCategories(server: Server, store: Store, sendMessages: SendMessages): void {
  server.get(
    '/categories',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'listCategories',
        summary: 'List categories',
        description: 'Categories by name, in order of UTF-8 bytes.',
        tags: ['categories'],
        querystring: Type.Object(pageQuery),
        response: {
          200: Type.Object({
            categories: Type.Array(
              Type.Object(
                {
                  category: Type.String({ maxLength: maxNameBytes }),
                  streamCount: Type.Integer({ minimum: 1 }),
                  messageCount: Type.Integer({ minimum: 0 }),
                },
                { title: 'Category' },
              ),
              { maxItems: maxPageSize },
            ),
            cursor: nextCursor,
          }),
        },
      },
    },
    async (request, reply) => {
      server.beginRead(request, reply);
      const { query } = request;
      const limit = query.limit ?? defaultPageSize;
      const found = await store.log(logOf(request)).listCategories(query.cursor, limit + 1);
      const categories = found.slice(0, limit);
      return { categories, cursor: found.length > limit ? categories.at(-1)!.category : null };
    },
  );

  server.get(
    '/categories/:category/messages',
    {
      config: { access: 'read' },
      schema: {
        operationId: 'readCategory',
        summary: 'Read a category',
        description: 'Messages of a category by global position. Filters apply before batchSize.',
        tags: ['categories'],
        params: categoryParam,
        querystring: Type.Object({
          position: positionQuery('First global position to read'),
          batchSize: batchSizeQuery,
          epoch: epochQuery,
          ...groupQuery,
          correlation: Type.Optional(
            Type.String({
              maxLength: maxNameBytes,
              description: 'Only messages whose metadata.correlationStreamName is in this category',
            }),
          ),
        }),
        response: { 200: Type.Array(messageSchema) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const filter = {
        category: readCategory('category', params.category),
        group: groupOf(query.consumer, query.size) ?? undefined,
        // An empty correlation means no filter.
        correlation: query.correlation ? readCategory('correlation', query.correlation) : undefined,
      };
      const log = store.log(logOf(request));
      const selection = { ...nothing, categories: [filter.category], group: filter.group ?? null };
      return sendMessages(reply, {
        read: server.beginRead(request, reply),
        from: query.position ?? 0,
        limit: limitOf(query.batchSize),
        page: (from, limit) => log.read(filter, from, limit),
        expected: query.epoch === undefined ? undefined : { epoch: query.epoch, bounds: () => log.bounds(selection) },
      });
    },
  );
}
