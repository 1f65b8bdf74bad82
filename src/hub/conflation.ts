import type { Poke } from '../message/poke.ts';
import type { StreamName } from '../message/stream-name.ts';

/** Maximum number of streams in one round. A full round is delivered before the next one starts. */
export const maxRoundStreams = 8_192;

/** Maximum number of streams in all rounds together, about 80 MB. Without this bound, subscribers that stall on purpose would take 700 KB each. */
export const maxGatheredStreams = 1_048_576;

/** Lower bound of a round however many subscribers conflate; such a round takes less memory than its subscription. */
const leastRoundStreams = 64;

/** Maximum number of streams in one round when this many subscribers conflate. */
export function roundStreamsFor(subscribers: number): number {
  return Math.max(leastRoundStreams, Math.min(maxRoundStreams, Math.floor(maxGatheredStreams / subscribers)));
}

/** The messages of one stream that a lagging subscriber missed. */
export type ConflatedPoke = {
  readonly stream: StreamName;
  /** Position of the first missed message. */
  readonly from: number;
  /** Position of the last missed message. */
  position: number;
  globalPosition: number;
  /** Number of missed messages. Lower than `position - from + 1` if an import left gaps. */
  count: number;
};

/**
 * Collects the messages that a subscriber missed while it lagged, by stream, and delivers them in the order of each
 * stream's last message. Memory is bounded by the number of streams, not of messages.
 */
export class Conflation {
  /** Everything selected up to this global position is in this round or was delivered earlier. */
  upTo: number;
  readonly #byStream = new Map<string, ConflatedPoke>();
  #untold: ConflatedPoke[] | undefined = undefined;

  /** Starts after the subscription's cursor. */
  constructor(cursor: number) {
    this.upTo = cursor;
  }

  /** Whether the round is being delivered. It accepts no more pokes then. */
  get isTelling(): boolean {
    return this.#untold !== undefined;
  }

  /** Whether the round has content and still accepts pokes. */
  get hasGathered(): boolean {
    return this.#byStream.size > 0;
  }

  /** Adds the poke. Returns false if the round already has `maxStreams` streams; the poke then belongs to the next round. */
  gather({ stream, position, globalPosition }: Poke, maxStreams = maxRoundStreams): boolean {
    const known = this.#byStream.get(stream.text);
    if (known !== undefined) {
      known.position = position;
      known.globalPosition = globalPosition;
      known.count++;
    } else {
      if (this.#byStream.size >= maxStreams) return false;
      this.#byStream.set(stream.text, { stream, from: position, position, globalPosition, count: 1 });
    }
    this.upTo = globalPosition;
    return true;
  }

  /** Stops accepting pokes, and sorts the round for delivery. */
  close(): void {
    // In reverse order, because `take` pops from the end.
    this.#untold = [...this.#byStream.values()].sort((a, b) => b.globalPosition - a.globalPosition);
    this.#byStream.clear();
  }

  /** Removes and returns the next entry to deliver, or undefined if none is left. */
  take(): ConflatedPoke | undefined {
    return this.#untold?.pop();
  }

  /** Number of entries left to deliver. */
  get left(): number {
    return this.#untold?.length ?? 0;
  }
}
