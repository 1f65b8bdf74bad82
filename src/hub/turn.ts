import type { Poke } from '../message/poke.ts';
import { type BufferLease, type BufferPool, bufferSizes } from '../pool/buffer-pool.ts';
import { type FrameEncoder, maxFrameBytes } from '../sse/frame.ts';
import type { Audience } from './audience.ts';
import type { AudienceIndex } from './audience-index.ts';

const smallestArena: number = bufferSizes[0];
const largestArena: number = bufferSizes[bufferSizes.length - 1]!;

export type TurnOptions = {
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  /** Told, for each poke that somebody heard, how long after the append its frame was written. */
  readonly told: (delayMs: number) => void;
};

/**
 * Gathers the pokes of one turn of the event loop. Each is encoded once into the turn's arena; when the turn ends, each
 * audience's frames go to each of its hearers in one write. A lone poke waits only for the callbacks already at hand.
 */
export class Turn {
  /** Counts since the start. */
  readonly stats = { framesEncoded: 0, pokes: 0, bytes: 0 };
  readonly #options: TurnOptions;
  #arena: BufferLease | undefined = undefined;
  #arenaBytes = smallestArena;
  #used = 0;
  #flushScheduled = false;
  readonly #gathering: Audience[] = [];
  readonly #appendTimesMs: number[] = [];
  // The poke being routed and where its frame lies; -1 until the first audience wants it.
  #poke: Poke | undefined = undefined;
  #frameStart = -1;

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  /** Adds the poke for those audiences of the index that it concerns. */
  add(poke: Poke, index: AudienceIndex): void {
    if (this.#arena !== undefined && this.#used + maxFrameBytes > this.#arena.bytes.length) {
      this.flush();
      this.#arenaBytes = Math.min(largestArena, this.#arenaBytes * 4);
    }
    this.#poke = poke;
    this.#frameStart = -1;
    index.route(poke, this.#found);
  }

  /** Writes what was gathered. The event loop calls it at the end of a turn; it may be called at any time. */
  flush(): void {
    const arena = this.#arena;
    if (arena === undefined) return;
    this.#arena = undefined;
    for (const audience of this.#gathering) {
      const hearers = audience.hearers.length;
      this.stats.pokes += audience.count * hearers;
      this.stats.bytes += audience.deliver(arena, this.#options.buffers) * hearers;
    }
    this.#gathering.length = 0;
    arena.release();
    if (this.#used < arena.bytes.length / 8) this.#arenaBytes = Math.max(smallestArena, this.#arenaBytes / 4);
    const nowMs = performance.now();
    for (const appendedAtMs of this.#appendTimesMs) this.#options.told(nowMs - appendedAtMs);
    this.#appendTimesMs.length = 0;
  }

  readonly #found = (audience: Audience): void => {
    const poke = this.#poke!;
    if (this.#frameStart === -1) this.#encode(poke);
    if (audience.count === 0) this.#gathering.push(audience);
    audience.gather(this.#frameStart, this.#used, poke.globalPosition);
  };

  #encode(poke: Poke): void {
    if (this.#arena === undefined) {
      this.#arena = this.#options.buffers.acquire(this.#arenaBytes);
      this.#used = 0;
      if (!this.#flushScheduled) setImmediate(this.#endTurn);
      this.#flushScheduled = true;
    }
    this.#frameStart = this.#used;
    this.#used = this.#options.encoder.encode(poke, this.#arena.bytes, this.#used);
    this.stats.framesEncoded++;
    this.#appendTimesMs.push(poke.appendedAtMs);
  }

  readonly #endTurn = (): void => {
    this.#flushScheduled = false;
    this.flush();
  };
}
