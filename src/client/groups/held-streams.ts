import type { Message } from '../messages.ts';
import type { WorkerSource } from '../worker-source.ts';
import type { ConsumeGroupOptions } from './consume-group.ts';
import type { Generation } from './deadline-book.ts';
import type { GroupEvents } from './group-events.ts';
import type { GroupRequests } from './group-requests.ts';
import type { Entry, Progress } from './progress.ts';

/** What came of one try: `stopped`, when it was not to begin any more or was broken off; or what the handler rejected with. */
export type Outcome = 'settled' | 'stopped' | { readonly error: unknown };

/** What held streams need of their partition. */
export type HeldParts<Data> = {
  readonly generation: Generation;
  readonly session: string;
  readonly progress: Progress<Data>;
  readonly requests: GroupRequests;
  readonly source: WorkerSource;
  readonly options: ConsumeGroupOptions;
  /** Aborts when the partition is another member's. */
  readonly dropped: AbortSignal;
  readonly attempt: (message: Message<Data>, attempt: number) => Promise<Outcome>;
  /** The first message of a stream from a position of it on. */
  readonly readNext: (stream: string, position: number) => Promise<Message<Data> | undefined>;
  /** The stream is not held any more; these of its messages are to be handled. */
  readonly resume: (stream: string, entries: Entry<Data>[]) => void;
  /** Something may be acknowledged now. */
  readonly settled: () => void;
  readonly fenced: () => void;
};

/** A retry that the server asked for. */
type Retry = Pick<GroupEvents['retry'], 'stream' | 'position' | 'attempt'>;

/** Longest text of an error that is sent. */
const maxErrorLength = 500;

/**
 * Streams of one partition that wait at the server. What comes behind counts as settled for the checkpoint, since the server finds it
 * again in the log. So while it is decided whether a stream is still held, no acknowledgement may be on its way: one that arrived behind
 * the decision would pass messages that nobody handles any more.
 */
export class HeldStreams<Data> {
  readonly #parts: HeldParts<Data>;
  readonly #streams = new Map<string, 'waiting' | 'retrying'>();
  /** Retries that were broken off by the end of a lease. */
  readonly #interrupted = new Map<string, Retry>();
  #deciding = 0;
  #acknowledged: (() => void)[] = [];

  constructor(parts: HeldParts<Data>, streams: readonly { readonly stream: string }[]) {
    this.#parts = parts;
    for (const { stream } of streams) this.#streams.set(stream, 'waiting');
  }

  has(stream: string): boolean {
    return this.#streams.has(stream);
  }

  /** Whether messages of this stream wait at the server, and need not be kept here. */
  isWaiting(stream: string): boolean {
    return this.#streams.get(stream) === 'waiting';
  }

  /** Whether nothing new may be acknowledged. */
  get isDeciding(): boolean {
    return this.#deciding > 0;
  }

  acknowledged(): void {
    for (const resolve of this.#acknowledged.splice(0)) resolve();
  }

  /** Asks the server to hold the stream from this message on. `full`: it cannot hold another one. */
  async hold(message: Message<Data>, error: unknown, attempt: number): Promise<'held' | 'stopped' | 'full'> {
    const { generation, session, requests, source, options, dropped } = this.#parts;
    const { stream, position } = message;
    const { maxAttempts = 10, retryHeld: { minMs = 30_000, maxMs = 3_600_000 } = {} } = options;
    const isParked = attempt >= maxAttempts;
    const retryInMs = Math.min(
      maxMs,
      minMs * 2 ** Math.max(0, attempt - (options.retryMs ?? defaultRetryMs).length - 1),
    );
    const what = {
      error: String(error).slice(0, maxErrorLength),
      ...(isParked ? { park: true as const } : { retryInMs }),
    };
    const answer = await requests.hold(session, { ...generation, stream, position }, what, dropped);
    if (answer === 'full') return 'full';
    if (answer === 'fenced') {
      this.#parts.fenced();
      return 'stopped';
    }
    this.#streams.set(stream, 'waiting');
    source.call(() => options.onHeld?.(message as Message, error, isParked), undefined);
    return 'held';
  }

  /** Goes on with retries that were broken off. */
  async resume(): Promise<void> {
    const retries = [...this.#interrupted.values()];
    this.#interrupted.clear();
    await Promise.all(retries.map((retry) => this.retry(retry)));
  }

  /** Handles messages of a held stream, from the one that failed on, as long as the server has more of them. */
  async retry({ stream, position, attempt }: Retry): Promise<void> {
    if (this.#streams.get(stream) === 'retrying') return;
    this.#streams.set(stream, 'retrying');
    try {
      let next: number | undefined = position;
      for (let tries = attempt; next !== undefined; tries = 1) {
        const message: Message<Data> | undefined = await this.#parts.readNext(stream, next);
        if (message !== undefined) {
          const outcome = await this.#parts.attempt(message, tries);
          if (outcome === 'stopped') {
            this.#interrupted.set(stream, { stream, position: next, attempt: tries });
            return;
          }
          if (outcome !== 'settled') {
            await this.hold(message, outcome.error, tries);
            return;
          }
        }
        // One that is not there yet is not settled by it.
        next = await this.#settle(stream, message?.position ?? next, message?.position ?? next - 1);
      }
    } finally {
      if (this.has(stream)) this.#skip(stream);
    }
  }

  /** Resolves to where the stream waits now; undefined: it is let go, here or because the partition is. `handled`: the last one that was. */
  async #settle(stream: string, position: number, handled: number): Promise<number | undefined> {
    const { generation, session, requests, progress, dropped } = this.#parts;
    this.#deciding++;
    try {
      while (progress.sent > progress.acked) {
        dropped.throwIfAborted();
        await new Promise<void>((resolve) => this.#acknowledged.push(resolve));
      }
      const next = await requests.settle(session, { ...generation, stream, position }, progress.acked, dropped);
      if (next === 'fenced') this.#parts.fenced();
      else if (next === undefined) this.#letGo(stream, handled);
      else return next;
      return undefined;
    } finally {
      this.#deciding--;
      this.#parts.settled();
    }
  }

  #letGo(stream: string, handled: number): void {
    const { progress, resume } = this.#parts;
    this.#streams.delete(stream);
    const entries = progress.open(stream, handled);
    for (const entry of entries) progress.move(entry, 'pending');
    resume(stream, entries);
  }

  /** What came meanwhile waits at the server, too. */
  #skip(stream: string): void {
    const { progress, resume, settled } = this.#parts;
    this.#streams.set(stream, 'waiting');
    for (const entry of progress.open(stream, -1)) progress.move(entry, 'skipped');
    settled();
    resume(stream, []);
  }
}

/** Waits between attempts before a stream is held. */
export const defaultRetryMs: readonly number[] = [200, 1_000, 5_000];
