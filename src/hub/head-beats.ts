import type { Selection } from '../message/selection.ts';
import { headFrame } from '../sse/frame.ts';
import type { FanOutGroup } from './fan-out-group.ts';

/** What is known of a group that was delivered nothing yet. */
type Quiet = { head: number | undefined; isReading: boolean };

/** A frame, and what it was encoded from. */
type LastFrame = {
  readonly head: number;
  readonly count: number;
  readonly upTo: number | undefined;
  readonly frame: Buffer;
};

/** Heads and frames of `heartbeat=head`: one look-up for each group, one encoding for members whose beats say the same. */
export class HeadBeats {
  readonly #readLast: (selection: Selection, upTo: number) => Promise<number>;
  readonly #quiet = new WeakMap<FanOutGroup, Quiet>();
  readonly #frames = new WeakMap<FanOutGroup, LastFrame>();

  /** `readLast` finds the last message of a selection up to a global position. */
  constructor(readLast: (selection: Selection, upTo: number) => Promise<number>) {
    this.#readLast = readLast;
  }

  /**
   * The last message that the members who were delivered none on their connection know of; undefined: not known yet. What
   * the group was delivered before they came, or else what the log held by then.
   */
  headOf(group: FanOutGroup, flushedUpTo: number): number | undefined {
    if (group.deliveredUpTo > 0) return group.deliveredUpTo;
    const quiet = this.#quiet.get(group);
    if (quiet?.head !== undefined) return quiet.head;
    if (quiet?.isReading !== true) void this.#read(group, flushedUpTo);
    return undefined;
  }

  /** The frame for this group; made when the last beat's said something else. `count`: pokes sent on the connection. */
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
      // The next beat asks again; until then beats are comments.
    } finally {
      quiet.isReading = false;
    }
  }
}
