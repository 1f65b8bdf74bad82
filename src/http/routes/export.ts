import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Type } from 'typebox';
import { PokewireError } from '../../errors.ts';
import { importRecord } from '../../message/import-record.ts';
import type { Log, LogFilter, MessagePage } from '../../store/log.ts';
import { maxPageMessages } from '../../store/shared/page-limits.ts';
import type { Store } from '../../store/store.ts';
import { logOf } from '../plumbing/authenticate.ts';
import { readCategory } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';
import { type BeginTransfer, endTexts } from './transfer.ts';

const records = {
  description: 'One record a line',
  content: {
    'application/x-ndjson': {
      schema: Type.String(),
      example:
        '{"id":"01a1fc26-1f9b-70f9-b89a-eb99cb2a63f6","stream":"account-123","type":"Deposited","pos":0,"gpos":1,' +
        '"data":{"amount":100},"meta":null,"time":"2026-11-21T03:28:39.323Z"}\n',
    },
  },
};

/** `GET /export`: the log as `/import` takes it. */
export function routeExport(server: Server, store: Store, begin: BeginTransfer): void {
  server.get(
    '/export',
    {
      config: { access: 'read', emptyIsAbsent: true },
      exposeHeadRoute: false,
      schema: {
        summary: 'Export',
        description:
          'All messages by global position, or those of a category, up to the head at the time of the request.',
        tags: ['operations'],
        querystring: Type.Object({
          category: Type.Optional(Type.String({ description: 'Only messages of this category' })),
        }),
        response: { 200: records },
      },
    },
    async (request, reply) => {
      const { category } = request.query;
      const filter = {
        category: category === undefined ? undefined : readCategory('category', category),
        group: undefined,
        correlation: undefined,
      };
      const transfer = begin(request, reply);
      const lines = Readable.from(linesOf(store.log(logOf(request)), filter));
      transfer.onEnd = () => {
        const code = transfer.endReason === 'revoked' ? 'AUTH_UNAUTHORIZED' : 'NAMESPACE_NOT_FOUND';
        lines.destroy(new PokewireError(code, endTexts[transfer.endReason!]));
      };
      return reply.header('content-type', 'application/x-ndjson').send(lines as never);
    },
  );
}

/** Lines page by page, as the socket takes them. What is appended meanwhile is left out, or an export might never end. */
async function* linesOf(log: Log, filter: LogFilter): AsyncGenerator<string> {
  const { head } = await log.bounds();
  for (let from: number | null = 1; from !== null && from <= head; ) {
    // Rejects once the log was deleted or replaced: what has taken its place is not the rest of it.
    const { messages, next }: MessagePage = await log.read(filter, from, maxPageMessages);
    const upToHead = messages.filter(({ globalPosition }) => globalPosition <= head);
    if (upToHead.length > 0) yield upToHead.map(importRecord).join('');
    from = next;
    // A store in memory answers without leaving this turn; others are to have theirs.
    await nextTurn();
  }
}
