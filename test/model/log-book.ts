import { StreamName } from '../../src/message/stream-name.ts';

/** Where a message is. */
export type Place = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** A message as answers told it, and when by the model's clock. */
export type Entry = {
  readonly stream: StreamName;
  readonly position: number;
  readonly globalPosition: number;
  /** When its request was sent: before, it did not exist. */
  readonly sentAt: number;
  /** When its request was answered: from then on it did. */
  readonly knownAt: number;
  /** Whether it was imported at or before the head: who has read further is not told of it. */
  readonly isLate: boolean;
};

/** Where a log begins, as a hello tells it before there is a message. */
export type Beginning = { readonly epoch: string; readonly head: number };

type EnterOptions = { readonly sentAt: number; readonly knownAt: number; readonly isImport?: boolean };

/**
 * What one log holds, by the answers to those who wrote it. A namespace has one log after another: a new one when it was
 * deleted, when its log was replaced, when the server was started again.
 */
export class LogBook {
  readonly namespace: string;
  readonly epoch: string;
  /** A cursor below it cannot be resumed from. */
  readonly forgottenUpTo: number;
  /** Head before it had any message. */
  readonly firstHead: number;
  /** Greatest global position known; an answer that is still to come may raise it. */
  head: number;
  /** Whether it is gone: requests that were under way may fail. */
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

  /** Position of the stream's last message, -1 when it has none. */
  version(stream: string): number {
    return this.#versions.get(stream) ?? -1;
  }

  /** Places between messages that an import left free. */
  gaps(): number[] {
    const { entries, forgottenUpTo, head } = this;
    const taken = new Set(entries.map(({ globalPosition }) => globalPosition));
    const places = Array.from({ length: head - forgottenUpTo }, (_, before) => forgottenUpTo + before + 1);
    return places.filter((place) => !taken.has(place));
  }

  /** Counts a request as under way until it is settled; it must not reject. */
  track(request: Promise<void>): void {
    this.#pending.add(request);
    void request.then(() => this.#pending.delete(request));
  }

  /** Resolves when every request was answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Enters the messages of one request. */
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
