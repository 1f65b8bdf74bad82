import type { Selection } from '../message/selection.ts';
import { serveInTurns } from '../message/turns.ts';
import { headFrame } from '../sse/frame.ts';
import type { FanOutGroup } from './fan-out-group.ts';
import type { Subscription } from './subscription.ts';

/** State of a group to which nothing has been delivered yet. */
type Quiet = { head: number | undefined; isReading: boolean };

/** A frame and the values it was encoded from. */
type LastFrame = {
  readonly head: number;
  readonly count: number;
  readonly upTo: number | undefined;
  readonly frame: Buffer;
};

/** Heads and frames for `heartbeat=head`: one look-up per group, one encoding for all members with equal values. */
export class HeadBeats {
  readonly #readLast: (selection: Selection, upTo: number) => Promise<number>;
  readonly #quiet = new WeakMap<FanOutGroup, Quiet>();
  readonly #frames = new WeakMap<FanOutGroup, LastFrame>();

  /** `readLast` finds the last message of a selection up to a global position. */
  constructor(readLast: (selection: Selection, upTo: number) => Promise<number>) {
    this.#readLast = readLast;
  }

  /** The last selected message delivered on this connection or, as far as known, before it. */
  headOf({ deliveredUpTo, selection }: Subscription, group: FanOutGroup, flushedUpTo: number): number | undefined {
    // A selection that starts at a stream position selects nothing before it, so everything was delivered on this connection.
    if (deliveredUpTo > 0 || selection.fromPosition > 0) return deliveredUpTo;
    return this.#headOfGroup(group, flushedUpTo);
  }

  /**
   * Head of the group for members to which nothing was delivered on their connection: the last poke delivered to the
   * group, otherwise the last selected message in the log. Undefined while that is being read.
   */
  #headOfGroup(group: FanOutGroup, flushedUpTo: number): number | undefined {
    if (group.deliveredUpTo > 0) return group.deliveredUpTo;
    const quiet = this.#quiet.get(group);
    if (quiet?.head !== undefined) return quiet.head;
    if (quiet?.isReading !== true) void this.#read(group, flushedUpTo);
    return undefined;
  }

  /** The heartbeat's frame for this group, encoded again only if a value changed. `count`: pokes sent on the connection. */
  frame(group: FanOutGroup, epoch: string, head: number, count: number, upTo: number | undefined): Buffer {
    const last = this.#frames.get(group);
    if (last?.head === head && last.count === count && last.upTo === upTo) return last.frame;
    const frame = headFrame(epoch, head, count, upTo);
    this.#frames.set(group, { head, count, upTo, frame });
    return frame;
  }

  async #read(group: FanOutGroup, upTo: number): Promise<void> {
    const quiet: Quiet = { head: undefined, isReading: true };
    this.#quiet.set(group, quiet);
    try {
      quiet.head = await this.#readLast(group.selection, upTo);
    } catch {
      // The next heartbeat tries again; until then heartbeats are comments.
      return;
    } finally {
      quiet.isReading = false;
    }
    // A copy, because a member whose socket is full leaves.
    await serveInTurns([...group.members], (member) => member.tellHead());
  }
}
