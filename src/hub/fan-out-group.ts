import { type Selection, selectionKey } from '../message/selection.ts';
import type { BufferLease, BufferPool } from '../pool/buffer-pool.ts';

/** A live subscription as its group sees it. */
export interface GroupMember {
  /** Its index in the group, kept by the group; -1: in none. */
  place: number;
  /** Takes `count` frames that end with global position `upTo`. It may leave the group meanwhile. */
  deliver(frames: Buffer, count: number, upTo: number, lease: BufferLease): void;
}

/** All live subscriptions of one selection. Their frames are gathered once a batch, and each member gets them in one write. */
export class FanOutGroup {
  readonly key: string;
  readonly selection: Selection;
  readonly members: GroupMember[] = [];
  /** Global position of the last poke that was gathered. */
  gatheredUpTo = 0;
  /** Global position of the last poke that was delivered; 0: none was since the group exists. */
  deliveredUpTo = 0;
  /** Frames gathered in the current batch. */
  count = 0;
  // Where the gathered frames lie in the batch's buffer. Mostly they are adjacent; then one span is all there is.
  #start = 0;
  #end = 0;
  #earlierSpans: number[] | undefined = undefined;

  constructor(selection: Selection) {
    this.key = selectionKey(selection);
    this.selection = selection;
  }

  join(member: GroupMember): void {
    member.place = this.members.length;
    this.members.push(member);
  }

  leave(member: GroupMember): void {
    const last = this.members.pop()!;
    if (last !== member) {
      this.members[member.place] = last;
      last.place = member.place;
    }
    member.place = -1;
  }

  /** Notes that the frame at `start` to `end` of the batch's buffer is for this group. */
  gather(start: number, end: number, globalPosition: number): void {
    if (this.count > 0 && start !== this.#end) {
      this.#earlierSpans ??= [];
      this.#earlierSpans.push(this.#start, this.#end);
      this.#start = start;
    } else if (this.count === 0) this.#start = start;
    this.#end = end;
    this.gatheredUpTo = globalPosition;
    this.count++;
  }

  /**
   * Hands the gathered frames to every member and forgets them. Frames that are not adjacent are copied together first,
   * once for the whole group. Returns the bytes of the gathered frames.
   */
  deliver(batch: BufferLease, buffers: BufferPool): number {
    const { count, gatheredUpTo } = this;
    const lease = this.#earlierSpans === undefined ? batch : this.#copyTogether(batch, buffers);
    const frames = lease.bytes.subarray(this.#start, this.#end);
    this.count = 0;
    this.deliveredUpTo = gatheredUpTo;
    // Backwards, because a member whose socket is full leaves and the last one takes its place.
    for (let at = this.members.length - 1; at >= 0; at--) this.members[at]!.deliver(frames, count, gatheredUpTo, lease);
    if (lease !== batch) lease.release();
    return frames.length;
  }

  #copyTogether(batch: BufferLease, buffers: BufferPool): BufferLease {
    const spans = [...(this.#earlierSpans ?? []), this.#start, this.#end];
    let length = 0;
    for (let at = 0; at < spans.length; at += 2) length += spans[at + 1]! - spans[at]!;
    const lease = buffers.acquire(length);
    let to = 0;
    for (let at = 0; at < spans.length; at += 2) to += batch.bytes.copy(lease.bytes, to, spans[at], spans[at + 1]);
    this.#earlierSpans = undefined;
    this.#start = 0;
    this.#end = to;
    return lease;
  }
}
