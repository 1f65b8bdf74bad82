import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Namespace } from '../namespace-store.ts';
import type { StoreLimits, StoreUsage } from '../store.ts';
import { copyPathOf, removeCopy } from './backup-service.ts';
import { type Answer, type Call, type Commits, endCall } from './calls.ts';
import { DiskWatch, freeBytesOf } from './disk-watch.ts';
import { type EpochRenewal, renewEpochsOfCopy } from './file-identity.ts';
import { lockFile, openForWriting, refusalOf } from './open-database.ts';
import type { SqliteUrl } from './sqlite-url.ts';
import { Writer } from './writer.ts';

/** Options for the writer thread. */
export type WriterOptions = { readonly url: SqliteUrl; readonly limits: StoreLimits };

/** First message of the writer thread: why it cannot start, or the content of the file. */
export type WriterOpened =
  | { readonly refusal: string }
  | {
      readonly namespaces: readonly Namespace[];
      readonly revision: number;
      readonly bytes: number;
      readonly messages: number;
      readonly isNew: boolean;
      readonly renewal: EpochRenewal | undefined;
    };

/** The thread's answers to one group. */
export type WriterAnswers = {
  readonly answers: readonly Answer[];
  readonly bytes: number;
  readonly commits: Commits;
  readonly forgotten: StoreUsage['forgotten'];
};

/** Shortest time between two sweeping steps while writes wait. */
const sweepEveryMs = 20;

/** Answers calls in groups: one transaction holds all calls that arrived while the previous one was written to disk. */
class WriterService {
  readonly #port: MessagePort;
  readonly #writer: Writer;
  readonly #close: () => void;
  readonly #calls: Call[] = [];
  #sweptAtMs = 0;
  #hasMoreToSweep = true;
  #isEnded = false;

  constructor(port: MessagePort, writer: Writer, close: () => void) {
    this.#port = port;
    this.#writer = writer;
    this.#close = close;
    port.on('message', (calls: Call[] | typeof endCall) => this.#take(calls));
    this.#sweepWhenIdle();
  }

  #take(received: Call[] | typeof endCall): void {
    let next: Call[] | typeof endCall | undefined = received;
    for (;;) {
      for (; next !== undefined && next !== endCall; next = this.#received()) this.#calls.push(...next);
      if (this.#calls.length === 0) break;
      const answers = this.#writer.runGroup(this.#calls);
      const { bytes, forgotten } = this.#writer;
      this.#port.postMessage({
        answers,
        bytes,
        forgotten,
        commits: this.#writer.takeCommits(),
      } satisfies WriterAnswers);
      if (this.#calls.length > 0 || next === endCall) this.#sweepBetween();
      if (next !== endCall) next = this.#received();
    }
    if (next === endCall) {
      this.#isEnded = true;
      this.#close();
      this.#port.close();
      return;
    }
    this.#hasMoreToSweep = true;
    this.#sweepWhenIdle();
  }

  #received(): Call[] | typeof endCall | undefined {
    return receiveMessageOnPort(this.#port)?.message;
  }

  #sweepBetween(): void {
    const nowMs = performance.now();
    if (nowMs - this.#sweptAtMs < sweepEveryMs) return;
    this.#sweptAtMs = nowMs;
    this.#writer.sweep();
  }

  #sweepWhenIdle(): void {
    setImmediate(() => {
      if (this.#isEnded || !this.#hasMoreToSweep || this.#calls.length > 0) return;
      this.#hasMoreToSweep = this.#writer.sweep();
      if (this.#hasMoreToSweep) this.#sweepWhenIdle();
    });
  }
}

function open({ url, limits }: WriterOptions) {
  const { path, sync, reserveBytes, isNewEpochAsked } = url;
  const lock = lockFile(path);
  let database: DatabaseSync | undefined;
  try {
    const isNew = !existsSync(path);
    database = openForWriting({ path, sync });
    // Left over from a process that ended during a backup.
    removeCopy(copyPathOf(path));
    const renewal = renewEpochsOfCopy(database, lock, path, isNewEpochAsked);
    const writer = new Writer(database, limits, new DiskWatch(() => freeBytesOf(dirname(path)), reserveBytes));
    const opened = database;
    const close = () => {
      for (const last of ['PRAGMA optimize', 'PRAGMA wal_checkpoint(TRUNCATE)']) {
        try {
          opened.exec(last);
        } catch {
          // The disk is full, or another program holds the database: the write-ahead log stays for the next start.
        }
      }
      opened.close();
      lock.close();
    };
    return { writer, close, isNew, renewal };
  } catch (error) {
    database?.close();
    lock.close();
    throw error;
  }
}

/** Opens the database, reports its content or why it cannot be opened, and answers calls until told to exit. */
export function serveWriter(port: MessagePort, options: WriterOptions): void {
  try {
    const { writer, close, isNew, renewal } = open(options);
    const { bytes, messages } = writer;
    const { all, revision } = writer.namespaces;
    port.postMessage({ namespaces: all, revision, bytes, messages, isNew, renewal } satisfies WriterOpened);
    new WriterService(port, writer, close);
  } catch (error) {
    port.postMessage({ refusal: refusalOf(options.url.path, error).message } satisfies WriterOpened);
    port.close();
  }
}
