import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { requireScope } from '../../access/access.ts';
import type { Transfer } from '../../admission/transfers.ts';
import { exampleRecord } from '../../message/import-record.ts';
import { importDoneEvent, importErrorEvent, importProgressEvent } from '../../sse/import-progress.ts';
import { requireSupport } from '../../store/capabilities.ts';
import type { Store } from '../../store/store.ts';
import { grantOf, logOf } from '../plumbing/authenticate.ts';
import { takeItsTime } from '../plumbing/open-connection.ts';
import { refuseOtherMethods, type Server } from '../plumbing/server.ts';
import { ImportBody, type ImportBodyLimits } from './import-body.ts';
import { type ImportFailure, type ImportMode, ImportRun } from './import-run.ts';
import type { BeginTransfer } from './transfer.ts';

/** Dependencies of the import route. */
export type ImportOptions = ImportBodyLimits & {
  readonly begin: BeginTransfer;
  /** A client that sends nothing for this time is cut off; 0: never. */
  readonly requestTimeoutMs: number;
};

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-store',
  'x-accel-buffering': 'no',
};

const events = {
  description: 'A progress event after every 1000 messages, then `done` or `error`',
  content: {
    'text/event-stream': {
      schema: Type.String(),
      example: Buffer.concat([
        importProgressEvent({ imported: 1_000, known: 0 }, 1_523),
        importDoneEvent({ imported: 1_456, known: 0 }, true, 230),
      ]).toString(),
    },
  },
};

/** `POST /import`. It is in a separate scope, because it reads its body directly, regardless of the content type. */
export function routeImport(server: Server, store: Store, options: ImportOptions): void {
  server.register(async (scope) => {
    takeBodyAsStream(scope);
    scope.post(
      '/import',
      {
        config: { access: 'write', emptyIsAbsent: true },
        schema: {
          operationId: 'importLog',
          summary: 'Import',
          description:
            'Stores messages with their existing positions: NDJSON, one record per line, in the format of `/export`. Batches ' +
            'of 1000 are stored completely or not at all. With `force` they replace the whole log at the end, and only if ' +
            'all records are valid and the last one ends an export.',
          tags: ['operations'],
          consumes: ['application/x-ndjson'],
          body: Type.String({ description: 'Records, one per line', examples: [exampleRecord] }),
          querystring: Type.Object({
            force: Type.Optional(
              Type.Enum(['true', 'false'], { description: '"true": replace the whole log; needs scope admin' }),
            ),
            allowIncomplete: Type.Optional(
              Type.Enum(['true', 'false'], { description: '"true": accept records that are not a complete export' }),
            ),
          }),
          response: { 200: events },
        },
      },
      async (request, reply) => {
        const { force, allowIncomplete } = request.query as { force?: string; allowIncomplete?: string };
        const replace = force === 'true';
        if (replace) requireScope(grantOf(request), 'admin');
        await server.limitAppends(request, reply);
        requireSupport(store, replace ? 'replacements' : 'imports');
        const transfer = options.begin(request, reply);
        const mode = { replace, allowIncomplete: allowIncomplete === 'true' };
        const frames = importBody({ request, store, transfer, mode, options });
        return reply.headers(headers).send(Readable.from(frames));
      },
    );
    refuseOtherMethods(scope as unknown as Server, new Map([['/import', new Set(['POST'])]]));
  });
}

function takeBodyAsStream(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _body, done) => done(null, undefined));
  scope.addHook('onRequest', (request, _reply, done) => {
    // An unparsable content type would be refused before any parser runs.
    delete request.headers['content-type'];
    done();
  });
}

type ImportParts = {
  readonly request: FastifyRequest;
  readonly store: Store;
  readonly transfer: Transfer;
  readonly mode: ImportMode;
  readonly options: ImportOptions;
};

/**
 * Runs the import and yields the frames of its answer, at the speed of body and socket. However it ends, even if the
 * client leaves, the session has ended afterwards.
 */
async function* importBody(parts: ImportParts): AsyncGenerator<Buffer> {
  const { request, store, transfer, mode, options } = parts;
  const startMs = performance.now();
  const { raw } = request;
  let run: ImportRun | undefined;
  takeItsTime(raw.socket, true);
  raw.socket.setTimeout(options.requestTimeoutMs);
  try {
    const body = new ImportBody(raw, options);
    transfer.onEnd = () => body.stop();
    const session = mode.replace
      ? store.beginReplacement(grantOf(request).namespace)
      : store.log(logOf(request)).beginImport();
    run = new ImportRun(await session, transfer, mode);
    for await (const lines of body) {
      for (const line of lines) {
        const failure = (await run.read(line)) ?? (run.isBatchFull ? await run.store() : undefined);
        if (failure !== undefined) return yield frameOf(failure);
        if (run.takeProgress()) yield importProgressEvent(run, run.globalPosition);
      }
    }
    const { problem } = body;
    const failure =
      problem === undefined
        ? await run.finish()
        : { code: 'READ_ERROR' as const, message: problem, line: run.line + 1 };
    yield failure === undefined ? importDoneEvent(run, run.isComplete, performance.now() - startMs) : frameOf(failure);
  } catch (error) {
    request.log.error({ err: error, id: request.id }, 'import failed');
    const message = 'The store failed; the log of the server has the cause.';
    yield frameOf({ code: 'IMPORT_FAILED', message, line: run?.line ?? 0 });
  } finally {
    await run?.abort();
    takeItsTime(raw.socket, false);
    // Otherwise a later request on this connection would be cut off while it waits for its answer.
    raw.socket.setTimeout(0);
    // An unread body would keep the client from sending, and so from reading the answer.
    raw.resume();
  }
}

function frameOf({ code, message, line }: ImportFailure): Buffer {
  return importErrorEvent(code, message, line);
}
