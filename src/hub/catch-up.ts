import { type BufferPool, bufferSizes } from '../pool/buffer-pool.ts';
import { encodeConflated, type FrameEncoder, maxFrameBytes } from '../sse/frame.ts';
import type { MessageStore, PokePage } from '../store/message-store.ts';
import { Conflation } from './conflation.ts';
import type { Subscription } from './subscription.ts';

/** Pokes asked of the store at once, about as many as fill the largest buffer. */
const pagePokes = 512;
/** Reads under way at once, over all subscriptions. */
const maxReads = 16;
/** Pages told in one turn of the event loop; then requests and sockets have theirs. */
const pagesPerTurn = 16;
/** Most frames are shorter; a page whose frames need more than its buffer goes out in several writes. */
const usualFrameBytes = 128;

/** What catching up needs. */
export type CatchUpOptions = {
  readonly store: MessageStore;
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  /** Streams that a round of conflation may have now. */
  readonly roundStreams: () => number;
  /** Offers a subscription that has read to the end of the log; false: there is more by now. */
  readonly join: (subscription: Subscription) => boolean;
  /** Told of a read that failed. */
  readonly failed: (subscription: Subscription, error: unknown) => void;
};

/** Reads the log for those who are behind, page by page and in turn, at the pace of their sockets. */
export class CatchUp {
  /** Pages read. */
  reads = 0;
  /** Pokes told from pages. */
  pokes = 0;
  /** Bytes told from pages. */
  bytes = 0;
  readonly #options: CatchUpOptions;
  #waiting: Subscription[] = [];
  #readsUnderWay = 0;
  #pagesThisTurn = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** Subscriptions that wait for their next page. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Puts a subscription that is catching up in line for its next page. */
  enqueue(subscription: Subscription): void {
    this.#waiting.push(subscription);
    this.#startReads();
  }

  #startReads(): void {
    while (this.#waiting.length > 0 && this.#readsUnderWay < maxReads) {
      if (this.#pagesThisTurn === pagesPerTurn) return;
      if (this.#pagesThisTurn++ === 0) setImmediate(this.#nextTurn);
      const subscription = this.#waiting.shift()!;
      if (subscription.state === 'catching-up' && subscription.keepAlive()) void this.#read(subscription);
    }
  }

  readonly #nextTurn = (): void => {
    this.#pagesThisTurn = 0;
    this.#startReads();
  };

  async #read(subscription: Subscription): Promise<void> {
    const { store, join, failed } = this.#options;
    const { namespace, selection, conflation, cursor } = subscription;
    this.#readsUnderWay++;
    try {
      let isAtEnd = false;
      if (conflation?.isTelling) this.#tellConflated(subscription, conflation);
      else {
        const page = await store.readPokes(namespace, selection, conflation?.upTo ?? cursor, pagePokes);
        this.reads++;
        try {
          if (subscription.state === 'catching-up') isAtEnd = this.#take(subscription, page);
        } finally {
          page.release();
        }
      }
      // At once, without waiting: a socket that was full and drained meanwhile would have put it in line already.
      if (subscription.state === 'catching-up' && !(isAtEnd && join(subscription))) this.#waiting.push(subscription);
    } catch (error) {
      failed(subscription, error);
      // A silent stream would look like one without news, so the subscriber is told and sent away to come again.
      subscription.end('store-failed');
    } finally {
      this.#readsUnderWay--;
      this.#startReads();
    }
  }

  /** Tells a page, or gathers it. True: that was the end of the log. */
  #take(subscription: Subscription, page: PokePage): boolean {
    const { conflation } = subscription;
    if (page.epoch !== subscription.epoch) {
      subscription.end('log-replaced');
      return false;
    }
    if (conflation !== undefined) return this.#gather(subscription, conflation, page);
    this.#tell(subscription, page);
    return page.atEnd;
  }

  #tell(subscription: Subscription, page: PokePage): void {
    const { buffers, encoder } = this.#options;
    if (page.pokes.length > 0) {
      const wanted = Math.max(maxFrameBytes, page.pokes.length * usualFrameBytes);
      const lease = buffers.acquire(Math.min(wanted, bufferSizes.at(-1)!));
      try {
        const { bytes } = lease;
        let at = 0;
        let count = 0;
        let upTo = subscription.cursor;
        for (const poke of page.pokes) {
          if (at + maxFrameBytes > bytes.length) {
            if (!this.#send(subscription, bytes.subarray(0, at), count, upTo, lease)) return;
            at = 0;
            count = 0;
          }
          at = encoder.encode(poke, subscription.tag, bytes, at);
          upTo = poke.globalPosition;
          count++;
        }
        if (!this.#send(subscription, bytes.subarray(0, at), count, upTo, lease)) return;
      } finally {
        lease.release();
      }
    }
    subscription.advance(page.upTo);
  }

  /** Gathers the page, and tells what was gathered when that is all or enough. True: it was all. */
  #gather(subscription: Subscription, conflation: Conflation, { pokes, upTo, atEnd }: PokePage): boolean {
    const maxStreams = this.#options.roundStreams();
    const isFull = !pokes.every((poke) => conflation.gather(poke, maxStreams));
    if (!isFull) conflation.upTo = upTo;
    if (!isFull && !atEnd) return false;
    conflation.close();
    this.#tellConflated(subscription, conflation);
    return !isFull;
  }

  #tellConflated(subscription: Subscription, conflation: Conflation): void {
    const { buffers } = this.#options;
    while (conflation.left > 0) {
      const wanted = Math.max(maxFrameBytes, conflation.left * usualFrameBytes);
      const lease = buffers.acquire(Math.min(wanted, bufferSizes.at(-1)!));
      try {
        const { bytes } = lease;
        let at = 0;
        let count = 0;
        for (; conflation.left > 0 && at + maxFrameBytes <= bytes.length; count++) {
          const poke = conflation.take()!;
          const id = conflation.left === 0 ? poke.globalPosition : undefined;
          at = encodeConflated({ ...poke, stream: poke.stream.text }, id, subscription.tag, bytes, at);
        }
        const upTo = conflation.left === 0 ? conflation.upTo : subscription.cursor;
        // The rest of the round waits for the socket.
        if (!this.#send(subscription, bytes.subarray(0, at), count, upTo, lease)) return;
      } finally {
        lease.release();
      }
    }
    subscription.advance(conflation.upTo);
    // What comes until it is live again it misses as well.
    subscription.conflation = new Conflation(conflation.upTo);
  }

  #send(...[subscription, frames, count, upTo, lease]: [Subscription, ...Parameters<Subscription['tell']>]): boolean {
    this.pokes += count;
    this.bytes += frames.length;
    return subscription.tell(frames, count, upTo, lease);
  }
}
