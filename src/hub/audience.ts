import { type Selection, selectionKey } from '../message/selection.ts';
import type { BufferLease, BufferPool } from '../pool/buffer-pool.ts';

/** One that hears an audience's pokes as they happen. */
export interface Hearer {
  /** Its place in `Audience.hearers`, kept by the audience; -1: in none. */
  place: number;
  /** Takes `count` frames that end with global position `upTo`. It may leave the audience while it does. */
  hear(frames: Buffer, count: number, upTo: number, lease: BufferLease): void;
}

/**
 * All live subscriptions of one selection. They hear the same, so their frames are gathered once a turn and every
 * hearer gets them in one write.
 */
export class Audience {
  readonly key: string;
  readonly selection: Selection;
  readonly hearers: Hearer[] = [];
  /** Global position of the last poke it was given. */
  upTo = 0;
  /** Frames gathered in this turn. */
  count = 0;
  // Where the gathered frames lie in the turn's arena. Mostly they follow each other; then one span is all there is.
  #start = 0;
  #end = 0;
  #earlierSpans: number[] | undefined = undefined;

  constructor(selection: Selection) {
    this.key = selectionKey(selection);
    this.selection = selection;
  }

  join(hearer: Hearer): void {
    hearer.place = this.hearers.length;
    this.hearers.push(hearer);
  }

  leave(hearer: Hearer): void {
    const last = this.hearers.pop()!;
    if (last !== hearer) {
      this.hearers[hearer.place] = last;
      last.place = hearer.place;
    }
    hearer.place = -1;
  }

  /** Notes that the frame at `start` to `end` of the turn's arena is for this audience. */
  gather(start: number, end: number, globalPosition: number): void {
    if (this.count > 0 && start !== this.#end) {
      this.#earlierSpans ??= [];
      this.#earlierSpans.push(this.#start, this.#end);
      this.#start = start;
    } else if (this.count === 0) this.#start = start;
    this.#end = end;
    this.upTo = globalPosition;
    this.count++;
  }

  /**
   * Hands the gathered frames to every hearer and forgets them. Frames that do not follow each other in the arena are
   * copied together first, once for the whole audience. Returns the bytes of the gathered frames.
   */
  deliver(arena: BufferLease, buffers: BufferPool): number {
    const { count } = this;
    const lease = this.#earlierSpans === undefined ? arena : this.#copyTogether(arena, buffers);
    const frames = lease.bytes.subarray(this.#start, this.#end);
    this.count = 0;
    // Backwards, because a hearer whose socket is full leaves and the last one takes its place.
    for (let at = this.hearers.length - 1; at >= 0; at--) this.hearers[at]!.hear(frames, count, this.upTo, lease);
    if (lease !== arena) lease.release();
    return frames.length;
  }

  #copyTogether(arena: BufferLease, buffers: BufferPool): BufferLease {
    const spans = [...(this.#earlierSpans ?? []), this.#start, this.#end];
    let length = 0;
    for (let at = 0; at < spans.length; at += 2) length += spans[at + 1]! - spans[at]!;
    const lease = buffers.acquire(length);
    let to = 0;
    for (let at = 0; at < spans.length; at += 2) to += arena.bytes.copy(lease.bytes, to, spans[at], spans[at + 1]);
    this.#earlierSpans = undefined;
    this.#start = 0;
    this.#end = to;
    return lease;
  }
}
