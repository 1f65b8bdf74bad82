import * as deadlines from './deadline-book.ts';
import type { GroupEvents } from './group-events.ts';
import { LeaseClock } from './lease-clock.ts';

/** The lease of a member's session and the deadlines of its partitions: its deadline book, combined with a clock. */
export class MemberLease {
  readonly #clock = new LeaseClock();
  readonly #expired: (key: deadlines.PartitionKey) => void;
  #book = deadlines.emptyBook;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /** `expired` is called when the deadline of a partition has passed. */
  constructor(expired: (key: deadlines.PartitionKey) => void) {
    this.#expired = expired;
  }

  /** Undefined before the member has joined. */
  get session(): string | undefined {
    return this.#book.session;
  }

  /** Starts the next connection attempt and returns its number. */
  attempted(): number {
    this.#book = deadlines.attempted(this.#book, this.#clock.now());
    return this.#book.attempt;
  }

  joined(joined: GroupEvents['joined']): void {
    this.#book = deadlines.joined(this.#book, joined);
  }

  /** Returns whether the connection had joined. */
  disconnected(): boolean {
    const hadJoined = this.#book.connection !== undefined;
    this.#book = deadlines.disconnected(this.#book);
    return hadJoined;
  }

  /** Returns the number of the beat to send now. */
  beaten(): number {
    this.#book = deadlines.beaten(this.#book, this.#clock.now());
    return this.#book.beat;
  }

  leased(lease: GroupEvents['lease']): void {
    this.#book = deadlines.leased(this.#book, lease);
    this.#watchExpiry();
  }

  assigned(given: deadlines.Generation): ReturnType<typeof deadlines.assigned>['action'] {
    const { book, action } = deadlines.assigned(this.#book, given);
    this.#book = book;
    this.#watchExpiry();
    return action;
  }

  revoked(given: deadlines.Generation): ReturnType<typeof deadlines.revoked>['action'] {
    const { book, action } = deadlines.revoked(this.#book, given);
    this.#book = book;
    return action;
  }

  released(given: deadlines.Generation): void {
    this.#book = deadlines.released(this.#book, given);
  }

  fenced(given: deadlines.Generation): void {
    this.#book = deadlines.fenced(this.#book, given);
  }

  leaving(): void {
    this.#book = deadlines.leaving(this.#book);
  }

  mayStart(given: deadlines.Generation): boolean {
    return deadlines.mayStart(this.#book, given, this.#clock.now());
  }

  /** Cancels the timer; `expired` is not called any more. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Reports partitions whose deadline has passed, and sets a timer for the next deadline. */
  #watchExpiry(): void {
    clearTimeout(this.#timer);
    const nowMs = this.#clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [key, { deadlineMs }] of this.#book.assignments) {
      if (deadlineMs > nowMs) nextMs = Math.min(nextMs, deadlineMs);
      else this.#expired(key);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#watchExpiry(), nextMs - nowMs);
  }
}
