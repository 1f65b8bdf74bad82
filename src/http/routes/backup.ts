import { Type } from 'typebox';
import { PokewireError } from '../../errors.ts';
import type { BackupOutcome } from '../../store/backup.ts';
import { requireSupport } from '../../store/capabilities.ts';
import type { Store } from '../../store/store.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { resetIfCut } from '../plumbing/reset-if-cut.ts';
import type { Server } from '../plumbing/server.ts';
import { type BeginTransfer, endTexts } from './transfer.ts';

const copy = {
  description: 'The copy, with its length. If the connection ends earlier, the copy is incomplete',
  headers: {
    'Content-Disposition': Type.String({
      description: 'A file name that contains the time',
      examples: ['attachment; filename="pokewire-2026-11-27T03-12-09Z.db"'],
    }),
  },
  content: { 'application/octet-stream': { schema: Type.String({ format: 'binary' }) } },
};

/** `POST /backup`: a consistent copy of the whole store. */
export function routeBackup(server: Server, store: Store, begin: BeginTransfer): void {
  server.post(
    '/backup',
    {
      config: { access: 'admin', isForOperators: true },
      schema: {
        operationId: 'makeBackup',
        summary: 'Backup',
        description:
          'A consistent copy of the whole store with all namespaces and tokens, made while appends and reads continue. A ' +
          'server can start on the copy; its logs then have new epochs. Requires an admin token of `default`; one at a time.',
        tags: ['operations'],
        response: { 200: copy },
      },
    },
    async (request, reply) => {
      requireSupport(store, 'backups');
      const transfer = begin(request, reply);
      const cancelled = new AbortController();
      // Aborts even if the client leaves while the copy is made.
      reply.raw.once('close', () => cancelled.abort());
      transfer.onEnd = () => cancelled.abort();
      const made = await store.backup(cancelled.signal).catch((error: unknown) => {
        if (transfer.endReason !== undefined) throw refusalOf(endTexts[transfer.endReason]);
        if (!cancelled.signal.aborted) throw error;
        return undefined;
      });
      if (made === undefined) {
        // The client has left, which is not a failure of the store.
        reply.hijack();
        return undefined as never;
      }
      if (made.outcome !== 'copied') {
        retryAfter(reply, 10, 20);
        throw errorOf(made);
      }
      const { bytes, extension, content } = made.copy;
      transfer.onEnd = () => content.destroy(refusalOf(endTexts[transfer.endReason!]));
      // Not every client compares the length.
      resetIfCut(content, reply.raw);
      if (cancelled.signal.aborted) content.destroy();
      // File names cannot contain colons everywhere.
      const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
      reply.header('content-type', 'application/octet-stream');
      reply.header('content-length', String(bytes));
      reply.header('content-disposition', `attachment; filename="pokewire-${time}Z.${extension}"`);
      return reply.send(content as never) as never;
    },
  );
}

function refusalOf(sentence: string): PokewireError {
  return new PokewireError('AUTH_UNAUTHORIZED', sentence);
}

function errorOf(outcome: Exclude<BackupOutcome, { outcome: 'copied' }>): PokewireError {
  if (outcome.outcome === 'under-way') {
    return new PokewireError('RATE_LIMITED', 'Another backup is running, and only one may run at a time. Retry later.');
  }
  const { neededBytes, freeBytes } = outcome;
  return new PokewireError(
    'STORE_FULL',
    `The disk, or a quota on it, has no room for a copy: it needs ${neededBytes} bytes in addition to the reserve, and the disk has ${freeBytes} free.`,
    { details: { limit: 'disk', neededBytes, freeBytes } },
  );
}
