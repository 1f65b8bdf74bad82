import { Type } from 'typebox';
import { emptyExport, exampleRecord, importRecord, lastImportRecord } from '../../message/import-record.ts';
import type { Message } from '../../message/message.ts';
import type { Log, LogFilter } from '../../store/log.ts';
import { logGone } from '../../store/shared/log-gone.ts';
import { maxPageMessages } from '../../store/shared/page-limits.ts';
import type { Store } from '../../store/store.ts';
import { logOf } from '../plumbing/authenticate.ts';
import type { AnswerPage, ReadPage, SendPages } from '../plumbing/paged-answer.ts';
import { readCategory } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';
import type { BeginTransfer } from './transfer.ts';

const records = {
  description:
    'One record per line. The last one contains `end` with the number of records; without messages it contains nothing else',
  content: {
    'application/x-ndjson': {
      schema: Type.String(),
      example: exampleRecord,
    },
  },
};

/** `GET /export`: the log in the format of `/import`. */
export function routeExport(server: Server, store: Store, begin: BeginTransfer, sendPages: SendPages): void {
  server.get(
    '/export',
    {
      config: { access: 'read', emptyIsAbsent: true },
      exposeHeadRoute: false,
      schema: {
        operationId: 'exportLog',
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
      const read = server.beginRead(request, reply);
      begin(request, reply);
      reply.header('content-type', 'application/x-ndjson');
      return sendPages(reply, read, { text: '', next: linesOf(store.log(logOf(request)), filter) }) as never;
    },
  );
}

/**
 * Yields lines page by page. The last line is marked, and contains the number of records. Messages appended during the
 * export are left out, or it might never end.
 */
function linesOf(log: Log, filter: LogFilter): ReadPage {
  return async () => {
    const { head, epoch } = await log.bounds();
    // Keeps the last message of a page until it is known whether another one follows.
    const linesFrom = (from: number, held: readonly Message[], records: number) => async (): Promise<AnswerPage> => {
      // Rejects once the log was deleted or replaced: a new log does not continue this one.
      const page = await log.read(filter, from, maxPageMessages);
      if (page.epoch !== epoch) throw logGone();
      const upToHead = page.messages.filter(({ globalPosition }) => globalPosition <= head);
      const whole = [...held, ...upToHead];
      const last = whole.pop();
      const text = whole.map(importRecord).join('');
      const told = records + whole.length;
      if (page.next !== null && page.next <= head) {
        return { text, next: linesFrom(page.next, last === undefined ? [] : [last], told) };
      }
      return { text: text + (last === undefined ? emptyExport : lastImportRecord(last, told + 1)), next: undefined };
    };
    return head === 0 ? { text: emptyExport, next: undefined } : { text: '', next: linesFrom(1, [], 0) };
  };
}
