import { ConfigError } from '../../config-error.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { BackupOutcome } from '../backup.ts';
import type { StoreCapabilities } from '../capabilities.ts';
import type { ImportSession, Log } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { Namespace } from '../namespace-store.ts';
import type { StoreOptions } from '../open-store.ts';
import type { Forgotten } from '../retention.ts';
import { hasLimit } from '../shared/retention-rules.ts';
import type { LogSummary, Store, StoreOpening, StoreUsage } from '../store.ts';
import { Announcer } from './announcer.ts';
import type { EpochRenewal } from './file-identity.ts';
import type { ReaderMethods } from './reader.ts';
import type { ReaderOpened, ReaderOptions } from './reader-service.ts';
import { SqliteBackups } from './sqlite-backups.ts';
import { SqliteGroups } from './sqlite-groups.ts';
import { SqliteReplacement } from './sqlite-import.ts';
import { SqliteLog, type SqliteParts } from './sqlite-log.ts';
import { measureSqlite, type NoteCommits } from './sqlite-metrics.ts';
import { SqliteNamespaces } from './sqlite-namespaces.ts';
import { parseSqliteUrl } from './sqlite-url.ts';
import { firstWord, type StartThread, StoreThread, startWorker } from './store-thread.ts';
import type { WriterMethods } from './writer.ts';
import type { WriterOpened, WriterOptions } from './writer-service.ts';

/** Counts that the writer reports. */
type Counts = Pick<StoreUsage, 'bytes' | 'forgotten'>;

/** Keeps everything in one SQLite database, opened by one process. One thread writes, another reads. */
export class SqliteStore implements Store {
  readonly kind = 'sqlite';
  readonly capabilities: StoreCapabilities = {
    namespaces: 'many',
    tokens: 'stored',
    appends: true,
    largestAppend: Number.POSITIVE_INFINITY,
    imports: true,
    replacements: true,
    durable: true,
    backups: true,
    verbatim: true,
    byteLimit: true,
    retention: true,
    erasure: true,
    listOrder: 'utf8',
    counts: 'exact',
  };
  readonly namespaces: SqliteNamespaces;
  readonly groups: SqliteGroups;
  readonly opening: StoreOpening;
  readonly failed: Promise<Error>;
  readonly #parts: StoreParts;
  readonly #source: Sources;
  #freeBytes = 0;

  private constructor(path: string, parts: StoreParts, opened: Opened, source: Sources) {
    this.opening = openingOf(path, opened);
    this.#parts = parts;
    this.failed = Promise.race([parts.writer.failed, parts.reader.failed]);
    this.#source = source;
    this.namespaces = new SqliteNamespaces(parts, opened.namespaces, opened.revision);
    this.groups = new SqliteGroups(parts);
  }

  /** Opens the database, creating it if necessary. Throws {@link ConfigError} if it cannot be used. */
  static async open(
    text: string,
    // Functions cannot be posted to threads.
    { pokes, log: _log, ...limits }: StoreOptions,
    startThread: StartThread = startWorker,
  ): Promise<SqliteStore> {
    const url = parseSqliteUrl(text);
    const announcer = new Announcer(pokes);
    const writerOptions: WriterOptions = { url, limits };
    const writerThread = startThread('writer', writerOptions);
    const opened = await firstWord<WriterOpened>(writerThread);
    if ('refusal' in opened) throw new ConfigError(opened.refusal);
    let counts: Counts = { bytes: opened.bytes, forgotten: { messages: 0, bytes: 0 } };
    let noteCommits: NoteCommits = () => {};
    const writer = new StoreThread(writerThread, (answers) => {
      const { bytes = counts.bytes, forgotten = counts.forgotten } = answers;
      counts = { bytes, forgotten };
      announcer.flush();
      if (answers.commits !== undefined) noteCommits(answers.commits);
    });
    try {
      const reader = await startReader({ path: url.path }, startThread);
      const backups = new SqliteBackups(url.path, url.reserveBytes, startThread);
      const parts = { writer, reader, announcer, pokes, backups };
      const store: SqliteStore = new SqliteStore(url.path, parts, opened, {
        hasDefaultRule: hasLimit(limits.retention ?? {}),
        maxBytes: limits.maxBytes,
        counts: () => counts,
        measure: (metrics) => {
          const { reserveBytes, path } = url;
          noteCommits = measureSqlite(metrics, {
            path,
            reserveBytes,
            writer,
            reader,
            freeBytes: () => store.#freeBytes,
          });
        },
      });
      return store;
    } catch (error) {
      await writer.end();
      throw error;
    }
  }

  log(id: LogId): Log {
    return new SqliteLog(this.#parts, id);
  }

  async beginReplacement({ id, uid }: Namespace): Promise<ImportSession> {
    const name = { id, uid };
    const staged = await this.#parts.writer.ask<WriterMethods['stage']>('stage', [name]);
    return new SqliteReplacement(this.#parts, name, staged, (replaced) => {
      if (replaced !== undefined) this.namespaces.replaced(replaced.namespace, replaced.old);
    });
  }

  backup(cancelled: AbortSignal): Promise<BackupOutcome> {
    return this.#parts.backups.begin(cancelled);
  }

  summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>> {
    return this.#parts.reader.ask<ReaderMethods['summarize']>('summarize', [logs]);
  }

  async forget(nowMs: number): Promise<Forgotten> {
    // Each call costs a transaction of the writer, and most stores have no rules.
    if (!this.#source.hasDefaultRule && !this.namespaces.haveRules) return { messages: 0, bytes: 0, isDone: true };
    return this.#parts.writer.ask<WriterMethods['forget']>('forget', [nowMs]);
  }

  async check(): Promise<void> {
    const { writer, reader } = this.#parts;
    await Promise.all([writer.ask<WriterMethods['ping']>('ping', []), reader.ask<ReaderMethods['ping']>('ping', [])]);
  }

  async usage(): Promise<StoreUsage> {
    const { messages, streams, freeBytes, oldestMs } = await this.#parts.reader.ask<ReaderMethods['usage']>(
      'usage',
      [],
    );
    this.#freeBytes = freeBytes;
    const { counts, maxBytes } = this.#source;
    return { messages, streams, ...counts(), maxBytes, oldestMs };
  }

  measure(metrics: Metrics): void {
    this.#source.measure(metrics);
  }

  async close(): Promise<void> {
    const { reader, writer, announcer, backups } = this.#parts;
    announcer.stop();
    this.namespaces.stop();
    this.groups.stop();
    await backups.close();
    // The last connection to close checkpoints the write-ahead log; that should be the writer, so the reader ends first.
    await reader.end();
    await writer.end();
  }
}

type Sources = {
  /** Whether there is a default rule for namespaces without their own. */
  readonly hasDefaultRule: boolean;
  readonly maxBytes: number;
  readonly counts: () => Counts;
  readonly measure: (metrics: Metrics) => void;
};

type StoreParts = SqliteParts & { readonly backups: SqliteBackups };

type Opened = Exclude<WriterOpened, { refusal: string }>;

async function startReader(options: ReaderOptions, startThread: StartThread): Promise<StoreThread> {
  const thread = startThread('reader', options);
  const opened = await firstWord<ReaderOpened>(thread);
  if ('refusal' in opened) throw new ConfigError(opened.refusal);
  return new StoreThread(thread);
}

function openingOf(path: string, { isNew, messages, namespaces, renewal }: Opened): StoreOpening {
  const content = isNew
    ? 'which was created now'
    : `with ${counted(messages, 'message')} in ${counted(namespaces.length, 'namespace')}`;
  const summary = `Messages are in ${path}, ${content}.`;
  return { summary, warning: renewal === undefined ? undefined : `${path} ${renewals[renewal]}, ${newEpochs}` };
}

const renewals: Readonly<Record<EpochRenewal, string>> = {
  backup: 'is a backup',
  copy: 'is not the file of the last start',
  asked: 'was opened with newEpoch=true',
};

const newEpochs = 'so its logs have new epochs: subscribers with earlier cursors receive everything again.';

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
