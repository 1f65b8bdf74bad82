import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { requireScope } from '../../access/access.ts';
import type { Transfer } from '../../admission/transfers.ts';
import { parseImportRecord } from '../../message/import-record.ts';
import type { Message } from '../../message/message.ts';
import { importDoneEvent, importErrorEvent, importProgressEvent } from '../../sse/import-progress.ts';
import { requireSupport } from '../../store/capabilities.ts';
import type { ImportKey, ImportOutcome, ImportSession } from '../../store/log.ts';
import type { Store } from '../../store/store.ts';
import { grantOf, logOf } from '../plumbing/authenticate.ts';
import { takeItsTime } from '../plumbing/error-handler.ts';
import { refuseOtherMethods, type Server } from '../plumbing/server.ts';
import { ImportBody, type ImportBodyLimits } from './import-body.ts';
import { type BeginTransfer, endTexts } from './transfer.ts';

/** Messages of one batch, which is stored whole or not at all; progress is told after each. */
const batchMessages = 1_000;

/** A batch whose lines are this long ends early, so that large messages cost no more memory than small ones. */
const batchBytes = 16_777_216;

/** What the route of imports needs. */
export type ImportOptions = ImportBodyLimits & {
  readonly begin: BeginTransfer;
  /** A client that sends nothing for so long is cut off; 0: never. */
  readonly requestTimeoutMs: number;
};

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

const events = {
  description: 'Progress after each 1000 messages, then one `done` or `error`',
  content: {
    'text/event-stream': {
      schema: Type.String(),
      example: Buffer.concat([importProgressEvent(1_000, 1_523), importDoneEvent(1_456, 230)]).toString(),
    },
  },
};

/** `POST /import`. It reads its body itself, whatever type that is sent as, so it is a scope of its own. */
export function routeImport(server: Server, store: Store, options: ImportOptions): void {
  server.register(async (scope) => {
    takeBodyAsStream(scope);
    scope.post(
      '/import',
      {
        config: { access: 'write', emptyIsAbsent: true },
        schema: {
          summary: 'Import',
          description:
            'Stores messages with the positions they have: NDJSON, one record a line, as `/export` gives it. Batches of ' +
            '1000 are stored whole or not at all. With `force` they replace everything, at once and only if all is well.',
          tags: ['operations'],
          consumes: ['application/x-ndjson'],
          querystring: Type.Object({
            force: Type.Optional(
              Type.Enum(['true', 'false'], { description: '"true": replace the whole log; needs scope admin' }),
            ),
          }),
          response: { 200: events },
        },
      },
      async (request, reply) => {
        const { force } = request.query as { force?: string };
        const replace = force === 'true';
        if (replace) requireScope(grantOf(request), 'admin');
        await server.limitAppends(request, reply);
        requireSupport(store, replace ? 'replacements' : 'imports');
        const transfer = options.begin(request, reply);
        const frames = importBody({ request, store, transfer, replace, options });
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
    // One that cannot be parsed would be refused before any parser is asked.
    delete request.headers['content-type'];
    done();
  });
}

type ImportFailure = {
  readonly code:
    | 'INVALID_JSON'
    | 'INVALID_RECORD'
    | 'POSITION_EXISTS'
    | 'IMPORT_FAILED'
    | 'READ_ERROR'
    | 'AUTH_UNAUTHORIZED';
  readonly message: string;
  readonly line: number;
};

type ImportParts = {
  readonly request: FastifyRequest;
  readonly store: Store;
  readonly transfer: Transfer;
  readonly replace: boolean;
  readonly options: ImportOptions;
};

/**
 * Does the import and yields the frames of its answer, at the pace at which body and socket go. However it ends, also by
 * a client that goes, the session has ended then.
 */
async function* importBody(parts: ImportParts): AsyncGenerator<Buffer> {
  const { request, store, transfer, replace, options } = parts;
  const startMs = performance.now();
  const { raw } = request;
  let run: ImportRun | undefined;
  takeItsTime(raw.socket, true);
  raw.socket.setTimeout(options.requestTimeoutMs);
  try {
    const body = new ImportBody(raw, options);
    transfer.onEnd = () => body.stop();
    const session = replace
      ? store.beginReplacement(grantOf(request).namespace)
      : store.log(logOf(request)).beginImport();
    run = new ImportRun(await session, transfer);
    for await (const lines of body) {
      for (const line of lines) {
        const failure = run.read(line) ?? (run.isBatchFull ? await run.store() : undefined);
        if (failure !== undefined) return yield frameOf(failure);
        if (run.takeProgress()) yield importProgressEvent(run.imported, run.globalPosition);
      }
    }
    const { problem } = body;
    const failure =
      problem === undefined
        ? await run.finish()
        : { code: 'READ_ERROR' as const, message: problem, line: run.line + 1 };
    yield failure === undefined ? importDoneEvent(run.imported, performance.now() - startMs) : frameOf(failure);
  } catch (error) {
    request.log.error({ err: error, id: request.id }, 'import failed');
    const message = 'The store failed; the log of the server has the cause.';
    yield frameOf({ code: 'IMPORT_FAILED', message, line: run?.line ?? 0 });
  } finally {
    await run?.abort();
    takeItsTime(raw.socket, false);
    // What nobody reads would keep the client from sending on, and so from reading the answer.
    raw.resume();
  }
}

function frameOf({ code, message, line }: ImportFailure): Buffer {
  return importErrorEvent(code, message, line);
}

/** Gathers records into batches and hands them to the session. */
class ImportRun {
  /** Messages stored. */
  imported = 0;
  /** Global position of the last message read. */
  globalPosition = 0;
  /** Lines read. */
  line = 0;
  readonly #session: ImportSession;
  readonly #transfer: Transfer;
  #batch: Message[] = [];
  /** Their lines. */
  #lines: number[] = [];
  #bytes = 0;
  /** What the last progress said. */
  #told = 0;

  constructor(session: ImportSession, transfer: Transfer) {
    this.#session = session;
    this.#transfer = transfer;
  }

  get isBatchFull(): boolean {
    const messages = this.#batch.length;
    return (messages > 0 && (this.imported + messages) % batchMessages === 0) || this.#bytes >= batchBytes;
  }

  /** Whether a full batch has been stored since the last time. */
  takeProgress(): boolean {
    const full = this.imported - (this.imported % batchMessages);
    const isNew = full > this.#told;
    this.#told = full;
    return isNew;
  }

  read(line: Buffer): ImportFailure | undefined {
    this.line++;
    if (isBlank(line)) return undefined;
    const record = parseImportRecord(line);
    if ('problem' in record) return { code: record.code, message: record.problem, line: this.line };
    this.#batch.push(record.message);
    this.#lines.push(this.line);
    this.#bytes += line.length;
    this.globalPosition = record.message.globalPosition;
    return undefined;
  }

  async store(): Promise<ImportFailure | undefined> {
    const ended = this.#ended();
    if (ended !== undefined) return ended;
    if (this.#batch.length === 0) return undefined;
    const outcome = await this.#session.add(this.#batch);
    if (outcome.outcome !== 'imported') return this.#failureOf(outcome);
    this.imported += this.#batch.length;
    this.#batch = [];
    this.#lines = [];
    this.#bytes = 0;
    return undefined;
  }

  async finish(): Promise<ImportFailure | undefined> {
    // The last batch may have taken its time.
    const failure = (await this.store()) ?? this.#ended();
    if (failure !== undefined) return failure;
    const outcome = await this.#session.commit();
    return outcome.outcome === 'gone' ? this.#failureOf(outcome) : undefined;
  }

  abort(): Promise<void> {
    return this.#session.abort();
  }

  /** Why it may not go on; undefined: it may. */
  #ended(): ImportFailure | undefined {
    const { endReason, isFinished } = this.#transfer;
    if (endReason === 'revoked') return { code: 'AUTH_UNAUTHORIZED', message: endTexts.revoked, line: this.line };
    if (endReason !== undefined) return this.#importFailed(endTexts[endReason]);
    return isFinished ? this.#importFailed('The client has gone.') : undefined;
  }

  #failureOf(outcome: Exclude<ImportOutcome, { outcome: 'imported' }>): ImportFailure {
    switch (outcome.outcome) {
      case 'position-exists': {
        const message = existsTexts[outcome.field](this.#batch[outcome.index]!);
        return { code: 'POSITION_EXISTS', message, line: this.#lines[outcome.index]! };
      }
      case 'out-of-order': {
        const { stream, position } = this.#batch[outcome.index]!;
        const message = `Position ${position} of stream ${stream} does not rise with the global position.`;
        return { code: 'INVALID_RECORD', message, line: this.#lines[outcome.index]! };
      }
      case 'gone':
        return this.#importFailed('The namespace was deleted, or its log replaced, meanwhile.');
      case 'full':
        return this.#importFailed(
          `The store holds ${outcome.bytes} of ${outcome.maxBytes} bytes, and these messages would exceed its limit.`,
        );
    }
  }

  #importFailed(message: string): ImportFailure {
    return { code: 'IMPORT_FAILED', message, line: this.line };
  }
}

const existsTexts: Readonly<Record<ImportKey, (message: Message) => string>> = {
  id: ({ id }) => `A message with id ${id} exists.`,
  position: ({ stream, position }) => `Stream ${stream} has a message at position ${position}.`,
  globalPosition: ({ globalPosition }) => `There is a message at global position ${globalPosition}.`,
};

function isBlank(line: Buffer): boolean {
  return line.length === 0 || line.every((byte) => byte === 0x20 || byte === 0x09);
}
