import { StreamName } from '../../src/message/stream-name.ts';

/** Positions of a message. */
export type Place = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** A message according to the answers, with times on the model's clock. */
export type Entry = {
  readonly stream: StreamName;
  readonly position: number;
  readonly globalPosition: number;
  /** When its request was sent; it did not exist before. */
  readonly sentAt: number;
  /** When its request was answered; it existed from then on. */
  readonly knownAt: number;
  /** Whether it was imported at or before the head; a subscriber beyond it does not receive it. */
  readonly isLate: boolean;
};

/** Where a log starts, as reported by a hello before there are messages. */
export type Beginning = { readonly epoch: string; readonly head: number };

type EnterOptions = { readonly sentAt: number; readonly knownAt: number; readonly isImport?: boolean };

/**
 * Content of one log, according to the answers to its writers. A namespace gets a new log when it is recreated, when
 * its log is replaced, and when the server restarts.
 */
export class LogBook {
  readonly namespace: string;
  readonly epoch: string;
  /** Cursors below it cannot be resumed. */
  readonly forgottenUpTo: number;
  /** Head before the first message. */
  readonly firstHead: number;
  /** Highest known global position; a pending answer may raise it. */
  head: number;
  /** Whether it is gone, so that pending requests may fail. */
  isGone = false;
  readonly #entries: Entry[] = [];
  readonly #versions = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();
  #isSorted = true;

  constructor(namespace: string, { epoch, head }: Beginning, forgottenUpTo = head) {
    this.namespace = namespace;
    this.epoch = epoch;
    this.head = head;
    this.firstHead = head;
    this.forgottenUpTo = forgottenUpTo;
  }

  /** By global position. */
  get entries(): readonly Entry[] {
    if (!this.#isSorted) this.#entries.sort((a, b) => a.globalPosition - b.globalPosition);
    this.#isSorted = true;
    return this.#entries;
  }

  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Position of the stream's last message; -1 if it has none. */
  version(stream: string): number {
    return this.#versions.get(stream) ?? -1;
  }

  /** Unused global positions between messages, left by imports. */
  gaps(): number[] {
    const { entries, forgottenUpTo, head } = this;
    const taken = new Set(entries.map(({ globalPosition }) => globalPosition));
    const places = Array.from({ length: head - forgottenUpTo }, (_, before) => forgottenUpTo + before + 1);
    return places.filter((place) => !taken.has(place));
  }

  /** Counts a request as pending until it settles; it must not reject. */
  track(request: Promise<void>): void {
    this.#pending.add(request);
    void request.then(() => this.#pending.delete(request));
  }

  /** Resolves when every request was answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Records the messages of one request. */
  enter(places: readonly Place[], { sentAt, knownAt, isImport = false }: EnterOptions): void {
    const headBefore = this.head;
    for (const { stream, position, globalPosition } of places) {
      const isLate = isImport && globalPosition <= headBefore;
      this.#entries.push({ stream: new StreamName(stream), position, globalPosition, sentAt, knownAt, isLate });
      this.#versions.set(stream, Math.max(this.version(stream), position));
      this.head = Math.max(this.head, globalPosition);
    }
    this.#isSorted = false;
  }
}
