import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream';
import type { BackupOutcome, StoreCopy } from '../backup.ts';
import { type BackupAnswer, type BackupOptions, copyPathOf } from './backup-service.ts';
import { endCall, errorOf, sqliteFault } from './calls.ts';
import { endGraceMs, type StartThread } from './store-thread.ts';

/** Deadline for making a copy. The write-ahead log cannot shrink meanwhile. */
const copyDeadlineMs = 600_000;

/** Deadline for reading a finished copy. */
const readDeadlineMs = 86_400_000;

/** Bytes read from the file at a time. */
const readBytes = 262_144;

/** Copies the database in a separate thread, one copy at a time. */
export class SqliteBackups {
  readonly #options: BackupOptions;
  readonly #startThread: StartThread;
  readonly #closing = new AbortController();
  /** Settles when the current copy was made and read. */
  #underWay: Promise<void> | undefined = undefined;

  constructor(path: string, reserveBytes: number, startThread: StartThread) {
    this.#options = { path, copyPath: copyPathOf(path), reserveBytes };
    this.#startThread = startThread;
  }

  async begin(cancelled: AbortSignal): Promise<BackupOutcome> {
    if (this.#underWay !== undefined) return { outcome: 'under-way' };
    const over = Promise.withResolvers<void>();
    this.#underWay = over.promise;
    const release = () => {
      if (this.#underWay === over.promise) this.#underWay = undefined;
      over.resolve();
    };
    try {
      const answer = await this.#make(cancelled);
      if (answer.outcome === 'failed') throw errorOf(answer.fault);
      if (answer.outcome === 'no-room') {
        release();
        return answer;
      }
      const copy = await this.#open();
      // `end` is emitted before the file is closed, and a client that has everything may request the next copy at once.
      copy.content.once('end', release);
      finished(copy.content, release);
      if (this.#closing.signal.aborted || cancelled.aborted) copy.content.destroy();
      return { outcome: 'copied', copy };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Cancels the current copy. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#underWay;
  }

  async #make(cancelled: AbortSignal): Promise<BackupAnswer> {
    const ended = AbortSignal.any([cancelled, this.#closing.signal, AbortSignal.timeout(copyDeadlineMs)]);
    if (ended.aborted) throw this.#cancelled(cancelled);
    const thread = this.#startThread('backup', this.#options);
    let cut: NodeJS.Timeout | undefined;
    const end = () => {
      thread.postMessage(endCall);
      cut = setTimeout(() => void thread.terminate(), endGraceMs);
    };
    ended.addEventListener('abort', end);
    try {
      const exited = once(thread, 'exit').then(() => undefined);
      const answered = once(thread, 'message') as Promise<[BackupAnswer]>;
      const answer = await Promise.race([answered, exited]);
      await exited;
      if (ended.aborted && answer?.[0].outcome !== 'copied') throw this.#cancelled(cancelled);
      if (answer === undefined) throw sqliteFault(new Error('the thread that copies the database has ended'));
      return answer[0];
    } finally {
      ended.removeEventListener('abort', end);
      clearTimeout(cut);
    }
  }

  /** The error of a copy that was cancelled. */
  #cancelled(byCaller: AbortSignal): Error {
    if (byCaller.aborted) return sqliteFault(new Error('the backup was cancelled, because its client has left'));
    if (this.#closing.signal.aborted)
      return sqliteFault(new Error('the backup was cancelled, because the server stops'));
    const minutes = copyDeadlineMs / 60_000;
    return sqliteFault(new Error(`the backup was cancelled, because copying took more than ${minutes} minutes`));
  }

  async #open(): Promise<StoreCopy> {
    const { copyPath } = this.#options;
    const file = await open(copyPath, 'r');
    try {
      const { size } = await file.stat();
      const content = file.createReadStream({ highWaterMark: readBytes });
      this.#bound(content);
      return { bytes: size, extension: 'db', content };
    } catch (error) {
      await file.close();
      throw error;
    } finally {
      // Unlinked while open, so that it disappears with this process however that ends.
      await rm(copyPath, { force: true });
    }
  }

  #bound(content: Readable): void {
    const unread = `the client has not received the backup within ${readDeadlineMs / 3_600_000} hours`;
    const late = setTimeout(() => content.destroy(new Error(unread)), readDeadlineMs);
    const end = () => content.destroy(new Error('the server stops while a client receives a backup'));
    this.#closing.signal.addEventListener('abort', end);
    content.once('close', () => {
      clearTimeout(late);
      this.#closing.signal.removeEventListener('abort', end);
    });
  }
}
