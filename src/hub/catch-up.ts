import type { Poke } from '../message/poke.ts';
import type { Selection } from '../message/selection.ts';
import { selectionKey } from '../message/selection.ts';
import { ownTurn } from '../message/turns.ts';
import { type BufferLease, type BufferPool, bufferSizes } from '../pool/buffer-pool.ts';
import { encodeConflated, type FrameEncoder, maxFrameBytes } from '../sse/frame.ts';
import type { PokePage } from '../store/log.ts';
import type { Conflation } from './conflation.ts';
import type { ReadSlots } from './read-slots.ts';
import type { Subscription } from './subscription.ts';

/** Pokes of one page, about as many as fill the largest buffer. */
export const catchUpPagePokes = 768;
/** Most frames are shorter; a page whose frames need more than its buffer goes out in several writes. */
const usualFrameBytes = 128;
/** A page that many wait for is delivered for so long before other work gets the event loop. */
const longestDeliveryMs = 4;

/** Counts of what was read and delivered while catching up. */
export class CatchUpStats {
  /** Pages read, from the store or the window. */
  reads = 0;
  /** Of these, pages of the window. */
  windowReads = 0;
  pokes = 0;
  bytes = 0;
}

/** What catching up needs of the log it is about. */
export type CatchUpOptions = {
  /** Stands for the log where reads of several logs take turns. */
  readonly log: object;
  readonly slots: ReadSlots;
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  readonly stats: CatchUpStats;
  /** Of the log's epoch, for ids. */
  readonly tag: string;
  /** A page of the window; undefined: the position lies before the window. */
  readonly readWindow: (selection: Selection, after: number) => PokePage | undefined;
  readonly readStore: (selection: Selection, after: number) => Promise<PokePage>;
  /** Streams that a round of conflation may have now. */
  readonly roundStreams: () => number;
  /** Goes on with a subscription that has taken its page. */
  readonly goOn: (subscription: Subscription) => void;
  /** Called for a read that failed; resolves when it is to be tried again. */
  readonly failed: (error: unknown) => Promise<void>;
};

/** One page that some subscriptions wait for. */
type SharedRead = { readonly selection: Selection; readonly after: number; readonly readers: Set<Subscription> };

/** Frames of a page, in pieces of one buffer each. */
type Piece = { readonly lease: BufferLease; readonly frames: Buffer; readonly count: number; readonly upTo: number };

/** Reads one log, page by page, for subscriptions that are behind. Those with the same cursor and selection share a page. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #reads = new Map<string, SharedRead>();

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Subscriptions that wait for a page. */
  get waiting(): number {
    let count = 0;
    for (const { readers } of this.#reads.values()) count += readers.size;
    return count;
  }

  /** Reads the next page for a subscription that is catching up. */
  enqueue(subscription: Subscription): void {
    const { selection, readFrom: after } = subscription;
    const key = `${after} ${selectionKey(selection)}`;
    const shared = this.#reads.get(key);
    if (shared !== undefined) {
      shared.readers.add(subscription);
      return;
    }
    const read = { selection, after, readers: new Set([subscription]) };
    this.#reads.set(key, read);
    void this.#run(key, read);
  }

  /** Delivers what the window holds behind the cursor, at once. False: the window begins later. */
  deliverNow(subscription: Subscription): boolean {
    const { selection, readFrom } = subscription;
    const page = this.#readWindow(selection, readFrom);
    if (page === undefined) return false;
    const pieces: Piece[] = [];
    try {
      this.#deliver(subscription, page, pieces);
    } finally {
      for (const { lease } of pieces) lease.release();
      page.release();
    }
    return true;
  }

  async #run(key: string, { selection, after, readers }: SharedRead): Promise<void> {
    const page = await this.#read(key, selection, after, readers);
    if (page === undefined) return;
    const pieces: Piece[] = [];
    const delivered: Subscription[] = [];
    try {
      let deadlineMs = performance.now() + longestDeliveryMs;
      for (const subscription of readers) {
        if (isAt(subscription, after)) {
          this.#deliver(subscription, page, pieces);
          delivered.push(subscription);
        }
        if (performance.now() < deadlineMs) continue;
        await ownTurn();
        deadlineMs = performance.now() + longestDeliveryMs;
      }
    } finally {
      for (const { lease } of pieces) lease.release();
      page.release();
    }
    // After the last delivery: a reader that went on earlier would read its next page alone.
    for (const subscription of delivered) {
      if (subscription.state.name === 'catching-up') this.#options.goOn(subscription);
    }
  }

  /** Retries until a read succeeds or no reader is left. */
  async #read(
    key: string,
    selection: Selection,
    after: number,
    readers: ReadonlySet<Subscription>,
  ): Promise<PokePage | undefined> {
    const { log, slots, failed } = this.#options;
    while (readers.values().some((subscription) => isAt(subscription, after))) {
      try {
        const page = await slots.run(
          log,
          async () => this.#readWindow(selection, after) ?? (await this.#readStore(selection, after)),
        );
        this.#reads.delete(key);
        return page;
      } catch (error) {
        await failed(error);
      }
    }
    // Before the caller resumes: a reader that joined in between would wait for a page that is never read.
    this.#reads.delete(key);
    return undefined;
  }

  #readWindow(selection: Selection, after: number): PokePage | undefined {
    const page = this.#options.readWindow(selection, after);
    if (page === undefined) return undefined;
    this.#options.stats.reads++;
    this.#options.stats.windowReads++;
    return page;
  }

  async #readStore(selection: Selection, after: number): Promise<PokePage> {
    const page = await this.#options.readStore(selection, after);
    this.#options.stats.reads++;
    return page;
  }

  #deliver(subscription: Subscription, page: PokePage, pieces: Piece[]): void {
    const { conflation } = subscription;
    if (subscription.isMissing(page.forgottenUpTo)) subscription.end('log-forgotten');
    else if (conflation !== undefined) this.#gather(subscription, conflation, page);
    else {
      if (pieces.length === 0) this.#encode(page.pokes, pieces);
      for (const { lease, frames, count, upTo } of pieces) {
        this.#count(frames, count);
        if (!subscription.deliverPage(frames, count, upTo, lease)) return;
      }
      subscription.advance(page.upTo);
    }
  }

  #encode(pokes: readonly Poke[], pieces: Piece[]): void {
    const { buffers, encoder, tag } = this.#options;
    for (let from = 0; from < pokes.length; ) {
      const wanted = Math.max(maxFrameBytes, (pokes.length - from) * usualFrameBytes);
      const lease = buffers.acquire(Math.min(wanted, bufferSizes.at(-1)!));
      const { bytes } = lease;
      const first = from;
      let at = 0;
      for (; from < pokes.length && at + maxFrameBytes <= bytes.length; from++) {
        at = encoder.encode(pokes[from]!, tag, bytes, at);
      }
      const upTo = pokes[from - 1]!.globalPosition;
      pieces.push({ lease, frames: bytes.subarray(0, at), count: from - first, upTo });
    }
  }

  /** Gathers the page, and delivers what was gathered when that is all or enough. */
  #gather(subscription: Subscription, conflation: Conflation, { pokes, upTo, atEnd }: PokePage): void {
    const maxStreams = this.#options.roundStreams();
    const isFull = !pokes.every((poke) => conflation.gather(poke, maxStreams));
    if (!isFull) conflation.upTo = upTo;
    if (isFull || atEnd) this.deliverRound(subscription, conflation);
  }

  /** Delivers a round of conflation, or what is left of it, as far as the socket takes it. */
  deliverRound(subscription: Subscription, conflation: Conflation): void {
    const { buffers, tag } = this.#options;
    if (!conflation.isTelling) conflation.close();
    if (conflation.left === 0) subscription.endRound();
    for (let isTaken = true; isTaken && conflation.left > 0; ) {
      const wanted = Math.max(maxFrameBytes, conflation.left * usualFrameBytes);
      const lease = buffers.acquire(Math.min(wanted, bufferSizes.at(-1)!));
      try {
        const { bytes } = lease;
        let at = 0;
        let count = 0;
        let upTo = 0;
        for (; conflation.left > 0 && at + maxFrameBytes <= bytes.length; count++) {
          const poke = conflation.take()!;
          upTo = poke.globalPosition;
          at = encodeConflated(
            { ...poke, stream: poke.stream.text },
            conflation.left === 0 ? upTo : undefined,
            tag,
            bytes,
            at,
          );
        }
        const frames = bytes.subarray(0, at);
        this.#count(frames, count);
        // The rest of the round waits for the socket.
        isTaken = subscription.deliverRound(frames, count, upTo, lease);
      } finally {
        lease.release();
      }
    }
  }

  #count(frames: Buffer, count: number): void {
    this.#options.stats.pokes += count;
    this.#options.stats.bytes += frames.length;
  }
}

/** Whether it still waits for the page behind `after`: its socket may have been full meanwhile, or gone. */
function isAt(subscription: Subscription, after: number): boolean {
  return subscription.state.name === 'catching-up' && subscription.readFrom === after;
}
