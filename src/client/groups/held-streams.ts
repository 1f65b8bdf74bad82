import type { Message } from '../messages.ts';
import type { WorkerSource } from '../worker-source.ts';
import type { ConsumeGroupOptions } from './consume-group.ts';
import type { Generation } from './deadline-book.ts';
import type { GroupEvents } from './group-events.ts';
import type { GroupRequests } from './group-requests.ts';
import type { Entry, Progress } from './progress.ts';

/** Result of one attempt. `stopped`: it was not allowed to start, or was aborted. */
export type Outcome = 'settled' | 'stopped' | { readonly error: unknown };

/** The functions of the partition that held streams use. */
type HeldParts<Data> = {
  readonly generation: Generation;
  readonly session: string;
  readonly progress: Progress<Data>;
  readonly requests: GroupRequests;
  readonly source: WorkerSource;
  readonly options: ConsumeGroupOptions;
  /** Aborts when another member may own the partition. */
  readonly dropped: AbortSignal;
  readonly attempt: (message: Message<Data>, attempt: number) => Promise<Outcome>;
  /** Reads the first message of a stream at or after a position. */
  readonly readNext: (stream: string, position: number) => Promise<Message<Data> | undefined>;
  /** Handles these messages of a stream instead of the queued ones. */
  readonly resume: (stream: string, entries: Entry<Data>[]) => void;
  /** Called when there may be something new to acknowledge. */
  readonly settled: () => void;
  readonly fenced: () => void;
};

/** A retry requested by the server. */
type Retry = Pick<GroupEvents['retry'], 'stream' | 'position' | 'attempt'>;

/** Maximum number of streams whose last handled message is remembered; events and pages are late by seconds. */
const maxHandled = 1_000;

/** Error texts sent to the server are cut to this length. */
const maxErrorLength = 500;

/**
 * Streams of one partition that the server holds. The checkpoint moves past later messages of a held stream, because
 * the server reads them from the log for a retry. While it is being decided whether a stream is still held, no
 * acknowledgement may be in flight: if one arrived after the stream was released, the checkpoint would move past
 * messages that this worker has yet to handle.
 */
export class HeldStreams<Data> {
  readonly #parts: HeldParts<Data>;
  /** Each held stream, with the retry that is running. */
  readonly #streams = new Map<string, 'waiting' | Retry>();
  /** Retries interrupted by the end of a lease. */
  readonly #interrupted = new Map<string, Retry>();
  /** Position up to which a stream is handled, of the streams that were held last. */
  readonly #handled = new Map<string, number>();
  #deciding = 0;
  #acknowledged: (() => void)[] = [];

  /** Everything before the position of a held stream is handled, even if the checkpoint has not passed it. */
  constructor(parts: HeldParts<Data>, streams: readonly { readonly stream: string; readonly position: number }[]) {
    this.#parts = parts;
    for (const { stream, position } of streams) {
      this.#streams.set(stream, 'waiting');
      this.#noteHandled(stream, position - 1);
    }
  }

  has(stream: string): boolean {
    return this.#streams.has(stream);
  }

  /** Whether the server will retry the stream's messages, so that they need not be kept here. */
  isWaiting(stream: string): boolean {
    return this.#streams.get(stream) === 'waiting';
  }

  /** Whether a message of a stream that was held is handled. It may still arrive, in a page or a late event. */
  isHandled({ stream, position }: Message<Data>): boolean {
    return position <= (this.#handled.get(stream) ?? -1);
  }

  /** A message was handled; remembered if its stream was held, because a request to hold it may be repeated late. */
  handled({ stream, position }: Message<Data>): void {
    if (this.#handled.has(stream)) this.#noteHandled(stream, position);
  }

  /** Whether new acknowledgements must wait. */
  get isDeciding(): boolean {
    return this.#deciding > 0;
  }

  acknowledged(): void {
    for (const resolve of this.#acknowledged.splice(0)) resolve();
  }

  /** Asks the server to hold the stream at this message. `full`: the limit of held streams was reached. */
  async hold(
    message: Message<Data>,
    error: unknown,
    attempt: number,
  ): Promise<'held' | 'stopped' | 'full' | 'settled'> {
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
    if (answer === 'full') return answer;
    if (answer === 'fenced') {
      this.#parts.fenced();
      return 'stopped';
    }
    this.#noteHandled(stream, answer === 'settled' ? position : position - 1);
    // The server may retry the message, and the worker handle it, before this answer arrives.
    if (this.isHandled(message)) return 'settled';
    if (!this.has(stream)) this.#streams.set(stream, 'waiting');
    source.call(() => options.onHeld?.(message as Message, error, isParked), undefined);
    return 'held';
  }

  /** Continues interrupted retries. */
  async resume(): Promise<void> {
    const retries = [...this.#interrupted.values()];
    this.#interrupted.clear();
    await Promise.all(retries.map((retry) => this.retry(retry)));
  }

  /** Handles messages of a held stream in order, starting with the one that failed, until the server releases the stream. */
  async retry(retry: Retry): Promise<void> {
    const { stream, position, attempt } = retry;
    if (this.has(stream) && !this.isWaiting(stream)) return;
    this.#streams.set(stream, retry);
    // The server repeats a retry after a lease, which may be before an interrupted one is resumed.
    this.#interrupted.delete(stream);
    await this.#handle(stream, await this.#skipHandled(stream, position), attempt);
    // Another retry may have started after the stream was released.
    if (this.#streams.get(stream) === retry) this.#skip(stream);
  }

  /** Handles messages of a stream from this position until the server releases it, holds it again, or an attempt is stopped. */
  async #handle(stream: string, position: number | undefined, attempt: number): Promise<void> {
    let next = position;
    for (let tries = attempt; next !== undefined; tries = 1) {
      const message: Message<Data> | undefined = await this.#parts.readNext(stream, next);
      if (message !== undefined) {
        const outcome = await this.#parts.attempt(message, tries);
        if (outcome === 'stopped') {
          this.#interrupted.set(stream, { stream, position: next, attempt: tries });
          return;
        }
        if (outcome !== 'settled') {
          const answer = await this.hold(message, outcome.error, tries);
          if (answer === 'settled') this.#letGo(stream);
          return;
        }
      }
      // If the message does not exist yet, nothing was settled.
      this.#noteHandled(stream, message?.position ?? next - 1);
      next = await this.#settle(stream, message?.position ?? next);
    }
  }

  /**
   * Resolves to the position at which the retry starts; undefined: nothing is held. The event names messages that were
   * handled if it arrives after the answer to a later settle, or if a repeated request held the stream again.
   */
  async #skipHandled(stream: string, position: number): Promise<number | undefined> {
    const handled = this.#handled.get(stream);
    return handled === undefined || position > handled ? position : this.#settle(stream, handled);
  }

  #noteHandled(stream: string, position: number): void {
    const handled = Math.max(position, this.#handled.get(stream) ?? -1);
    // The streams noted last are at the end.
    this.#handled.delete(stream);
    this.#handled.set(stream, handled);
    if (this.#handled.size > maxHandled) this.#handled.delete(this.#handled.keys().next().value!);
  }

  /** Resolves to the position at which the stream is now held; undefined: the stream was released or the partition lost. */
  async #settle(stream: string, position: number): Promise<number | undefined> {
    const { generation, session, requests, progress, dropped } = this.#parts;
    this.#deciding++;
    while (progress.sent > progress.acked) {
      dropped.throwIfAborted();
      await new Promise<void>((resolve) => this.#acknowledged.push(resolve));
    }
    const next = await requests.settle(session, { ...generation, stream, position }, progress.acked, dropped);
    if (next === 'fenced') this.#parts.fenced();
    else if (next === undefined) this.#letGo(stream);
    // After an error it stays undecided: the server may have released the stream.
    this.#deciding--;
    this.#parts.settled();
    return next === 'fenced' ? undefined : next;
  }

  /** Handles the messages read in the meantime, except those that the retry has handled. */
  #letGo(stream: string): void {
    const { progress, resume } = this.#parts;
    this.#streams.delete(stream);
    const entries = progress.open(stream);
    for (const entry of entries) progress.move(entry, this.isHandled(entry.message) ? 'settled' : 'pending');
    resume(
      stream,
      entries.filter(({ state }) => state === 'pending'),
    );
  }

  /** Drops the messages read in the meantime; the server will retry them too. */
  #skip(stream: string): void {
    const { progress, resume, settled } = this.#parts;
    this.#streams.set(stream, 'waiting');
    for (const entry of progress.open(stream)) progress.move(entry, 'skipped');
    settled();
    resume(stream, []);
  }
}

/** Delays between attempts before a stream is held, milliseconds. */
export const defaultRetryMs: readonly number[] = [200, 1_000, 5_000];
