import { type Selection, selectionKey } from '../message/selection.ts';
import type { BufferLease, BufferPool } from '../pool/buffer-pool.ts';

/** A live subscription as its group sees it. */
export interface GroupMember {
  /** Index in the group's member list, maintained by the group; -1 if it is in no group. */
  place: number;
  /** Receives `count` frames, the last for global position `upTo`. The member may leave the group during the call. */
  deliver(frames: Buffer, count: number, upTo: number, lease: BufferLease): void;
  /** Sends the head of the selection if the member asked for heads. The member may leave the group during the call. */
  tellHead(): void;
}

/** All live subscriptions with the same selection. Collects their frames once per batch, and writes them to each member in one call. */
export class FanOutGroup {
  readonly key: string;
  readonly selection: Selection;
  readonly members: GroupMember[] = [];
  /** Global position of the last poke collected. */
  gatheredUpTo = 0;
  /** Global position of the last poke delivered by this group; 0 if none. */
  deliveredUpTo = 0;
  /** Number of frames collected in the current batch. */
  count = 0;
  // Span of the collected frames in the batch's buffer. Usually they are adjacent, so one span is enough.
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

  /** Records that the frame from `start` to `end` of the batch's buffer is for this group. */
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
   * Writes the collected frames to every member and clears them. Frames that are not adjacent are first copied
   * together, once for the whole group. Returns the size of the frames in bytes.
   */
  deliver(batch: BufferLease, buffers: BufferPool): number {
    const { count, gatheredUpTo } = this;
    const lease = this.#earlierSpans === undefined ? batch : this.#copyTogether(batch, buffers);
    const frames = lease.bytes.subarray(this.#start, this.#end);
    this.count = 0;
    this.deliveredUpTo = gatheredUpTo;
    // Iterates backwards, because a member whose socket is full leaves and the last member moves to its index.
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
