import { PokewireError } from '../errors.ts';
import type { Poke } from '../message/poke.ts';
import { everything } from '../message/selection.ts';
import type { Announcement, Log, LogBounds } from '../store/log.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import { BackOff, type RetryDelays } from './back-off.ts';
import type { ReadSlots } from './read-slots.ts';

/** Pokes requested from the store at a time. */
const pagePokes = 2_048;

/** Dependencies of a tail. */
export type LogTailOptions = {
  readonly log: Log;
  readonly slots: ReadSlots;
  readonly retryDelays: RetryDelays;
  /** How far before the head to start, in global positions, so that recent messages are known. */
  readonly lookBack: number;
  /** The start is known, and with it the head. */
  readonly began: () => void;
  /** Receives each poke of the log once, in order; the head moves after the call. The poke belongs to the caller again afterwards. */
  readonly poked: (poke: Poke) => void;
  /** The head has moved. */
  readonly advanced: () => void;
  /** Retention deleted messages up to this global position before this node read them. */
  readonly forgotten: (upTo: number) => void;
  /** An import put messages at or below this global position, so earlier reads of that range are outdated. */
  readonly changedUpTo: (globalPosition: number) => void;
  readonly failed: (error: unknown) => void;
};

/**
 * Follows one log. Announcements are hints: a page that continues the head is used directly; any other makes the tail
 * read from its own head, which it also does periodically without an announcement.
 */
export class LogTail {
  /** Everything up to this global position was passed to the follower. */
  head = 0;
  readonly backOff: BackOff;
  readonly #options: LogTailOptions;
  readonly #begun = Promise.withResolvers<void>();
  #hasBegun = false;
  #known: LogBounds | undefined = undefined;
  #isReading = false;
  #isBehind = false;
  #isStopped = false;
  #unfollow = () => {};
  #fresh: { current: Promise<LogBounds>; next: Promise<LogBounds> | undefined } | undefined = undefined;

  constructor(options: LogTailOptions) {
    this.#options = options;
    this.backOff = new BackOff(options.retryDelays);
    // There may be no caller, and an unhandled rejection would end the process.
    this.#begun.promise.catch(() => {});
  }

  /** The log's bounds as far as this node knows them; undefined before the first read. */
  get bounds(): LogBounds | undefined {
    const known = this.#known;
    return known === undefined || known.head >= this.head ? known : { ...known, head: this.head };
  }

  /** Whether the start is known. Before that, `head` is meaningless. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether it has read up to the known end of the log. */
  get isCaughtUp(): boolean {
    return this.#hasBegun && this.head >= this.#known!.head;
  }

  /** Resolves when the head is known. Rejects if the tail stops before that. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  start(): void {
    const { log } = this.#options;
    this.#unfollow = log.follow((announcement) => this.#take(announcement));
    void this.#begin();
  }

  /** `reason`: the error for callers that wait for the head. */
  stop(reason: unknown = new PokewireError('NOT_READY', 'The log could not be read in time. Retry later.')): void {
    this.#isStopped = true;
    this.#begun.reject(reason);
    this.#unfollow();
    this.backOff.stop();
  }

  /** Updates the bounds from a page. Ignores a page older than the known bounds. */
  note({ forgottenUpTo, importsBelowHead }: Pick<LogBounds, 'forgottenUpTo' | 'importsBelowHead'>): void {
    const known = this.#known;
    if (known === undefined) return;
    this.#known = {
      ...known,
      forgottenUpTo: Math.max(known.forgottenUpTo, forgottenUpTo),
      importsBelowHead: Math.max(known.importsBelowHead, importsBelowHead),
    };
    if (importsBelowHead > known.importsBelowHead) this.#options.changedUpTo(this.head);
  }

  /**
   * Reads from the head to the end. If a read is already running and may miss what the caller needs, it is repeated.
   */
  readOn(): void {
    if (!this.#hasBegun || this.#isStopped) return;
    this.#isBehind = true;
    if (!this.#isReading) void this.#read();
  }

  /** The bounds from a read that starts after this call. Concurrent callers share the next read. */
  freshBounds(): Promise<LogBounds> {
    if (this.#fresh === undefined) {
      const fresh = { current: this.#readBounds(), next: undefined };
      this.#fresh = fresh;
      const done = () => {
        if (this.#fresh === fresh) this.#fresh = undefined;
      };
      fresh.current.then(done, done);
      return fresh.current;
    }
    this.#fresh.next ??= this.#fresh.current.then(
      () => this.freshBounds(),
      () => this.freshBounds(),
    );
    return this.#fresh.next;
  }

  async #readBounds(): Promise<LogBounds> {
    const { slots, log } = this.#options;
    const bounds = await slots.run(log, () => log.bounds());
    this.backOff.succeeded();
    this.note(bounds);
    const { head = 0, forgottenUpTo = 0, importsBelowHead = 0 } = this.#known ?? {};
    this.#known = {
      ...bounds,
      head: Math.max(bounds.head, head),
      forgottenUpTo: Math.max(bounds.forgottenUpTo, forgottenUpTo),
      importsBelowHead: Math.max(bounds.importsBelowHead, importsBelowHead),
    };
    return bounds;
  }

  async #begin(): Promise<void> {
    const { lookBack } = this.#options;
    while (!this.#isStopped) {
      try {
        const bounds = await this.#readBounds();
        this.head = Math.max(bounds.forgottenUpTo, bounds.head - lookBack, 0);
        this.#hasBegun = true;
        this.#options.began();
        this.#begun.resolve();
        this.readOn();
        return;
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  async #failed(error: unknown): Promise<void> {
    this.#options.failed(error);
    if (isLogGone(error)) this.stop(error);
    else await this.backOff.wait();
  }

  #take(announcement: Announcement): void {
    // Before the start there is no head to compare with, and the first read covers the announcement.
    if (!this.#hasBegun || this.#isStopped) return;
    if (announcement === 'wake-up' || announcement.epoch !== this.#options.log.id) this.readOn();
    else if (announcement.after > this.head) this.readOn();
    else if (announcement.upTo > this.head) this.#advance(announcement.pokes, announcement.upTo);
  }

  #advance(pokes: readonly Poke[], upTo: number): void {
    for (const poke of pokes) {
      if (poke.globalPosition <= this.head) continue;
      this.#options.poked(poke);
      this.head = poke.globalPosition;
    }
    this.head = Math.max(this.head, upTo);
    this.#options.advanced();
  }

  async #read(): Promise<void> {
    const { log, slots } = this.#options;
    this.#isReading = true;
    while (this.#isBehind && !this.#isStopped) {
      this.#isBehind = false;
      try {
        const page = await slots.run(log, () => log.pokes(everything, this.head, pagePokes));
        this.backOff.succeeded();
        try {
          if (this.#isStopped) return;
          this.note(page);
          if (page.forgottenUpTo > this.head) this.#options.forgotten(page.forgottenUpTo);
          this.#advance(page.pokes, page.upTo);
          if (!page.atEnd) this.#isBehind = true;
        } finally {
          page.release();
        }
      } catch (error) {
        this.#isBehind = true;
        await this.#failed(error);
      }
    }
    this.#isReading = false;
  }
}
