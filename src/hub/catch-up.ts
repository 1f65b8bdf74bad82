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

/** Pokes in one page: about as many as fill the largest buffer. */
export const catchUpPagePokes = 768;
/** Estimated frame size. If the frames of a page exceed its buffer, they are sent in several writes. */
const usualFrameBytes = 128;
/** Longest time to deliver one page to its readers before yielding to the event loop. */
const longestDeliveryMs = 4;

/** Counts pages read and pokes delivered during catch-up. */
export class CatchUpStats {
  /** Pages read, from the store or the window. */
  reads = 0;
  /** Pages served from the window, included in `reads`. */
  windowReads = 0;
  pokes = 0;
  bytes = 0;
}

/** The functions of the log that catch-up uses. */
export type CatchUpOptions = {
  /** Identifies the log when several logs share the read slots. */
  readonly log: object;
  readonly slots: ReadSlots;
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  readonly stats: CatchUpStats;
  /** Tag of the log's epoch, part of each event id. */
  readonly tag: string;
  /** Reads a page from the window. Returns undefined if the position lies before the window. */
  readonly readWindow: (selection: Selection, after: number) => PokePage | undefined;
  readonly readStore: (selection: Selection, after: number) => Promise<PokePage>;
  /** Current limit of streams in one round of conflation. */
  readonly roundStreams: () => number;
  /** Continues a subscription whose page was delivered. */
  readonly goOn: (subscription: Subscription) => void;
  /** Called when a read has failed; resolves when it should be retried. */
  readonly failed: (error: unknown) => Promise<void>;
};

/** A page and the subscriptions that wait for it. */
type SharedRead = { readonly selection: Selection; readonly after: number; readonly readers: Set<Subscription> };

/** Part of a page's frames that fits in one buffer. */
type Piece = { readonly lease: BufferLease; readonly frames: Buffer; readonly count: number; readonly upTo: number };

/** Reads one log page by page for subscriptions that are behind. Subscriptions with the same cursor and selection share a page. */
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

  /** Delivers the window's pokes after the cursor, synchronously. Returns false if the window starts later. */
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
    // Resume readers only after every delivery; a reader resumed earlier would request its next page alone.
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
    // Must run before the caller resumes, or a reader that joins in between would wait for a page that is never read.
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

  /** Adds the page to the round of conflation, and delivers the round if it is full or the log is read. */
  #gather(subscription: Subscription, conflation: Conflation, { pokes, upTo, atEnd }: PokePage): void {
    const maxStreams = this.#options.roundStreams();
    const isFull = !pokes.every((poke) => conflation.gather(poke, maxStreams));
    if (!isFull) conflation.upTo = upTo;
    if (isFull || atEnd) this.deliverRound(subscription, conflation);
  }

  /** Delivers a round of conflation, or the rest of it, until the socket is full. */
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
        // The rest of the round waits until the socket drains.
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

/**
 * Whether the subscription still waits for the page after `after`. Its socket may have filled up or closed in the
 * meantime.
 */
function isAt(subscription: Subscription, after: number): boolean {
  return subscription.state.name === 'catching-up' && subscription.readFrom === after;
}
