import type { Poke } from '../message/poke.ts';
import { type BufferLease, type BufferPool, bufferSizes } from '../pool/buffer-pool.ts';
import { type FrameEncoder, frameBytesAtMost } from '../sse/frame.ts';
import type { Audience } from './audience.ts';
import type { AudienceIndex } from './audience-index.ts';

const smallestArena: number = bufferSizes[0];
const largestArena: number = bufferSizes[bufferSizes.length - 1]!;

/**
 * Telling a thousand sockets takes milliseconds, and a thousand more for the next poke right behind it. After a flush the
 * next one waits for a share of the time it took, at most so many milliseconds: meanwhile pokes gather, and then cost one
 * write together. A poke that comes later than that, or to few subscribers, does not wait. Where many gathered, more are
 * coming, and a longer rest gathers more of them: 1.5 times the deliveries with 64 publishers, 3 times with one that does
 * not pause. Behind few, as at a few hundred a second, it would only be delay. load/results: concurrent-publishers, latency.
 */
const rests = { behindFew: { share: 1, longestMs: 4 }, behindMany: { share: 2, longestMs: 16 } } as const;
const manyPokes = 16;

/** Timers count whole milliseconds; a shorter rest is none. */
const shortestRestMs = 0.5;

/** What a turn is made from. */
export type TurnOptions = {
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  /** Told, for each poke that somebody heard, how long after the append its frame was written. */
  readonly told: (delayMs: number) => void;
};

/**
 * Gathers the pokes of one turn: mostly of the event loop, under load of the rest between two flushes. Each is encoded
 * once into the turn's arena; when the turn ends, each audience's frames go to each of its hearers in one write. A lone
 * poke waits only for the callbacks already at hand.
 */
export class Turn {
  /** Counts since the start. */
  readonly stats = { framesEncoded: 0, pokes: 0, bytes: 0 };
  readonly #options: TurnOptions;
  #arena: BufferLease | undefined = undefined;
  #used = 0;
  #endScheduled = false;
  /** No flush before, by `performance.now()`. */
  #restUntilMs = 0;
  readonly #gathering: Audience[] = [];
  readonly #appendTimesMs: number[] = [];
  // The poke being routed and where its frame lies; -1 until the first audience wants it.
  #poke: Poke | undefined = undefined;
  #frameStart = -1;
  #tag = '';

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  /** Adds the poke of the log with this tag for those audiences of the index that it concerns. */
  add(poke: Poke, tag: string, index: AudienceIndex): void {
    this.#makeRoom(frameBytesAtMost(poke));
    this.#poke = poke;
    this.#tag = tag;
    this.#frameStart = -1;
    index.route(poke, this.#found);
  }

  /** Writes what was gathered. It is called at the end of a turn, and may be called at any time. */
  flush(): void {
    const arena = this.#arena;
    if (arena === undefined) return;
    this.#arena = undefined;
    const startMs = performance.now();
    for (const audience of this.#gathering) {
      const hearers = audience.hearers.length;
      this.stats.pokes += audience.count * hearers;
      this.stats.bytes += audience.deliver(arena, this.#options.buffers) * hearers;
    }
    this.#gathering.length = 0;
    arena.release();
    const nowMs = performance.now();
    const { share, longestMs } = this.#appendTimesMs.length < manyPokes ? rests.behindFew : rests.behindMany;
    this.#restUntilMs = nowMs + Math.min((nowMs - startMs) * share, longestMs);
    for (const appendedAtMs of this.#appendTimesMs) this.#options.told(nowMs - appendedAtMs);
    this.#appendTimesMs.length = 0;
  }

  readonly #found = (audience: Audience): void => {
    const poke = this.#poke!;
    if (this.#frameStart === -1) this.#encode(poke);
    if (audience.count === 0) this.#gathering.push(audience);
    audience.gather(this.#frameStart, this.#used, poke.globalPosition);
  };

  /** Moves to a larger arena when the frame may not fit, and out of the largest one by a flush. */
  #makeRoom(frameBytes: number): void {
    const arena = this.#arena;
    if (arena === undefined || this.#used + frameBytes <= arena.bytes.length) return;
    if (arena.bytes.length === largestArena) {
      this.flush();
      return;
    }
    this.#arena = this.#options.buffers.acquire(arena.bytes.length * 4);
    arena.bytes.copy(this.#arena.bytes, 0, 0, this.#used);
    arena.release();
  }

  #encode(poke: Poke): void {
    if (this.#arena === undefined) {
      this.#arena = this.#options.buffers.acquire(smallestArena);
      this.#used = 0;
      this.#scheduleEnd();
    }
    this.#frameStart = this.#used;
    this.#used = this.#options.encoder.encode(poke, this.#tag, this.#arena.bytes, this.#used);
    this.stats.framesEncoded++;
    this.#appendTimesMs.push(poke.appendedAtMs);
  }

  #scheduleEnd(): void {
    if (this.#endScheduled) return;
    this.#endScheduled = true;
    const restMs = this.#restUntilMs - performance.now();
    if (restMs < shortestRestMs) setImmediate(this.#end);
    else setTimeout(this.#end, restMs);
  }

  readonly #end = (): void => {
    this.#endScheduled = false;
    this.flush();
  };
}
