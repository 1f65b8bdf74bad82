import { type EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PokewireError } from '../../errors.ts';
import type { StoreUsage } from '../store.ts';
import { type Answer, type Call, type Commits, endCall, errorOf, sqliteFault } from './calls.ts';

/** A call without an answer by then is rejected; whether it was carried out is unknown. */
const deadlineMs = 10_000;
const checkMs = 1_000;

/** Maximum number of unanswered calls: some seconds of work. */
const maxWaiting = 16_384;

/** Maximum number of characters of their messages: 32 to 64 MiB, twice that while they are copied to the thread. */
const maxWaitingCharacters = 33_554_432;

/** How long a thread may take to exit. */
export const endGraceMs = 10_000;

type Waiting = {
  readonly askedAtMs: number;
  /** Undefined once the deadline has passed. */
  settle: PromiseWithResolvers<unknown> | undefined;
  readonly heard: ((value: unknown) => void) | undefined;
  readonly characters: number;
};

/** A thread's answers to a batch of calls. */
export type Answers = {
  readonly answers: readonly Answer[];
  readonly bytes?: number;
  readonly commits?: Commits;
  readonly forgotten?: StoreUsage['forgotten'];
};

/** The part of a thread that the store uses. Emits `message`, `error` and finally `exit`. */
export type Thread = EventEmitter & {
  postMessage(message: readonly Call[] | typeof endCall): void;
  /** Stops it immediately. */
  terminate(): unknown;
};

/** Starts a thread with its options. */
export type StartThread = (name: 'writer' | 'reader' | 'backup', options: unknown) => Thread;

/** The thread's first message. Rejects if the thread ends before. */
export async function firstWord<Opened>(thread: Thread): Promise<Opened> {
  const ended = once(thread, 'exit').then(() => {
    throw new Error('a thread of the SQLite store ended before it opened the database');
  });
  const [word] = await Promise.race([once(thread, 'message'), ended]);
  return word as Opened;
}

/** Starts a worker thread: TypeScript in the source tree, JavaScript in a build. */
export const startWorker: StartThread = (name, options) => {
  const file = `./${name}-thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`;
  return new Worker(new URL(file, import.meta.url), { workerData: options, name: `sqlite-${name}` });
};

/**
 * One thread of the store. Calls made in one turn of the event loop are posted together, and each gets an answer or a
 * fault by its deadline. A thread that died is not restarted: after a failed sync the content of the page cache is
 * unknown, so only a new process may read the file.
 */
export class StoreThread {
  /** Resolves with the fault if the thread ends unexpectedly. */
  readonly failed: Promise<Error>;
  readonly #thread: Thread;
  readonly #answered: (answers: Answers) => void;
  /** By call number, oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #timer: NodeJS.Timeout;
  readonly #exited: Promise<void>;
  readonly #noteFailed: (error: Error) => void;
  #calls: Call[] = [];
  #numbers = 0;
  #waitingCharacters = 0;
  #fault: Error | undefined = undefined;
  #isEnding = false;

  /** `answered` is called for each batch, after the `heard` callbacks of its calls. */
  constructor(thread: Thread, answered: (answers: Answers) => void = () => {}) {
    this.#thread = thread;
    this.#answered = answered;
    const failed = Promise.withResolvers<Error>();
    this.failed = failed.promise;
    this.#noteFailed = failed.resolve;
    this.#timer = setInterval(() => this.#rejectLate(), checkMs).unref();
    thread.on('message', (answers: Answers) => this.#take(answers));
    thread.on('error', (error: Error) => this.#fail(error));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    thread.on('exit', () => {
      this.#fail(new Error('a thread of the SQLite store has ended'));
      resolve();
    });
  }

  /** Number of calls without an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Calls a method whose messages have this many characters. `heard` is called with the value when it arrives, even
   * after the deadline. A call is accepted while fewer than the maximum wait, so no single call is too large.
   */
  ask<Method extends (...args: never[]) => unknown>(
    method: string,
    args: Parameters<Method>,
    heard?: (value: Awaited<ReturnType<Method>>) => void,
    characters = 0,
  ): Promise<Awaited<ReturnType<Method>>> {
    if (this.#fault !== undefined) return Promise.reject(sqliteFault(this.#fault));
    if (this.#waiting.size >= maxWaiting || this.#waitingCharacters >= maxWaitingCharacters) {
      const message = 'The store is overloaded. Retry later.';
      return Promise.reject(new PokewireError('OVERLOADED', message, { details: { reasons: ['store'] } }));
    }
    const settle = Promise.withResolvers<unknown>();
    const number = this.#numbers++;
    this.#waitingCharacters += characters;
    this.#waiting.set(number, {
      askedAtMs: performance.now(),
      settle,
      heard: heard as ((value: unknown) => void) | undefined,
      characters,
    });
    if (this.#calls.push({ number, method, args }) === 1) setImmediate(() => this.#post());
    return settle.promise as Promise<Awaited<ReturnType<Method>>>;
  }

  /** Ends the thread after its last answer; resolves when it has exited, for whatever reason. */
  async end(): Promise<void> {
    this.#isEnding = true;
    this.#post();
    this.#thread.postMessage(endCall);
    const cut = setTimeout(() => void this.#thread.terminate(), endGraceMs);
    await this.#exited;
    clearTimeout(cut);
    clearInterval(this.#timer);
  }

  #post(): void {
    if (this.#calls.length === 0) return;
    const calls = this.#calls;
    this.#calls = [];
    this.#thread.postMessage(calls);
  }

  #take(batch: Answers): void {
    for (const { number, value, fault } of batch.answers) {
      const waiting = this.#waiting.get(number);
      if (waiting === undefined) continue;
      this.#waiting.delete(number);
      this.#waitingCharacters -= waiting.characters;
      if (fault === undefined) {
        waiting.heard?.(value);
        waiting.settle?.resolve(value);
      } else waiting.settle?.reject(errorOf(fault));
    }
    this.#answered(batch);
  }

  #rejectLate(): void {
    const latest = performance.now() - deadlineMs;
    for (const waiting of this.#waiting.values()) {
      if (waiting.askedAtMs > latest) return;
      const what = `a thread of the SQLite store did not answer within ${deadlineMs / 1_000} s: its disk may be slow`;
      waiting.settle?.reject(sqliteFault(new Error(what)));
      waiting.settle = undefined;
    }
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    if (!this.#isEnding) this.#noteFailed(this.#fault);
    for (const waiting of this.#waiting.values()) waiting.settle?.reject(sqliteFault(this.#fault));
    this.#waiting.clear();
  }
}
