import { type EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { PokewireError } from '../../errors.ts';
import type { StoreUsage } from '../store.ts';
import { type Answer, type Call, type Commits, endCall, errorOf } from './calls.ts';

/** A call that has no answer by then is rejected; whether it was carried out is unknown. */
const deadlineMs = 10_000;
const checkMs = 1_000;

/** Calls without an answer at most: some seconds of work. */
const maxWaiting = 16_384;

/** Characters of their messages at most, 32 to 64 MiB, and twice that while they are copied to the thread. */
const maxWaitingCharacters = 33_554_432;

/** A thread has so long to end. */
export const endGraceMs = 10_000;

type Waiting = {
  readonly askedAtMs: number;
  /** Undefined once the deadline has passed. */
  settle: PromiseWithResolvers<unknown> | undefined;
  readonly heard: ((value: unknown) => void) | undefined;
  readonly characters: number;
};

/** What a thread says of a batch of calls. */
export type Answers = {
  readonly answers: readonly Answer[];
  readonly bytes?: number;
  readonly commits?: Commits;
  readonly forgotten?: StoreUsage['forgotten'];
};

/** A thread as the store talks to it; it emits `message`, `error` and, at its end, `exit`. */
export type Thread = EventEmitter & {
  postMessage(message: readonly Call[] | typeof endCall): void;
  /** Ends it at once. */
  terminate(): unknown;
};

/** Starts a thread with its options. */
export type StartThread = (name: 'writer' | 'reader' | 'backup', options: unknown) => Thread;

/** What the thread says first; rejects when it ends before. */
export async function firstWord<Opened>(thread: Thread): Promise<Opened> {
  const ended = once(thread, 'exit').then(() => {
    throw new Error('a thread of the SQLite store ended before it opened the database');
  });
  const [word] = await Promise.race([once(thread, 'message'), ended]);
  return word as Opened;
}

/** Starts a worker thread. Its code is TypeScript in the source tree, JavaScript where it was built. */
export const startWorker: StartThread = (name, options) => {
  const file = `./${name}-thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`;
  return new Worker(new URL(file, import.meta.url), { workerData: options, name: `sqlite-${name}` });
};

/**
 * One thread of the store. Calls of one turn of the event loop go to it together, and each has an answer or a fault by its
 * deadline. A thread that died answers nothing any more and is not started again: after a failed sync nobody knows what the
 * page cache holds, so only a new process may read the file.
 */
export class StoreThread {
  /** Resolves with the fault when the thread ends without having been asked to. */
  readonly failed: Promise<Error>;
  readonly #thread: Thread;
  readonly #answered: (answers: Answers) => void;
  /** By number, the oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  readonly #timer: NodeJS.Timeout;
  readonly #exited: Promise<void>;
  readonly #noteFailed: (error: Error) => void;
  #calls: Call[] = [];
  #numbers = 0;
  #waitingCharacters = 0;
  #fault: Error | undefined = undefined;
  #isEnding = false;

  /** `answered` is told of each batch behind what the calls' own `heard` were told of it. */
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
      this.#fail(new Error('its thread has ended'));
      resolve();
    });
  }

  /** Calls without an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Calls a method with messages of so many characters; `heard` is told of the value when it arrives, also behind the
   * deadline. Whoever finds less than the most waiting may add to it, so that a single call is never too large.
   */
  ask<Method extends (...args: never[]) => unknown>(
    method: string,
    args: Parameters<Method>,
    heard?: (value: Awaited<ReturnType<Method>>) => void,
    characters = 0,
  ): Promise<Awaited<ReturnType<Method>>> {
    if (this.#fault !== undefined) return Promise.reject(failure(this.#fault));
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

  /** Ends the thread once everything was answered; resolves when it has ended, however that was. */
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
      waiting.settle?.reject(failure(new Error(`there was no answer within ${deadlineMs / 1_000} s`)));
      waiting.settle = undefined;
    }
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    if (!this.#isEnding) this.#noteFailed(this.#fault);
    for (const waiting of this.#waiting.values()) waiting.settle?.reject(failure(this.#fault));
    this.#waiting.clear();
  }
}

function failure(cause: Error): PokewireError {
  return new PokewireError('BACKEND_ERROR', 'The SQLite store failed.', { cause });
}
