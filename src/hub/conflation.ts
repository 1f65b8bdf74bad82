import type { Poke } from '../message/poke.ts';
import type { StreamName } from '../message/stream-name.ts';

/** Most streams in one round. A full round is delivered, and the next one starts after it. */
export const maxRoundStreams = 8_192;

/** Streams in all rounds together, about: 80 MB. Otherwise subscribers who stall on purpose would take 700 KB each. */
export const maxGatheredStreams = 1_048_576;

/** However many conflate, a round is worth its writes; it then takes less than the subscription itself. */
const leastRoundStreams = 64;

/** Streams in one round at most while so many subscribers may have one. */
export function roundStreamsFor(subscribers: number): number {
  return Math.max(leastRoundStreams, Math.min(maxRoundStreams, Math.floor(maxGatheredStreams / subscribers)));
}

/** What a lagging subscriber missed of one stream. */
export type ConflatedPoke = {
  readonly stream: StreamName;
  /** Position of the first message it missed. */
  readonly from: number;
  /** Position of the last. */
  position: number;
  globalPosition: number;
  /** Messages it missed: fewer than the positions from the first to the last where an import left gaps. */
  count: number;
};

/**
 * What a subscriber missed while it lagged, gathered by stream and delivered in the order of the last messages. Its
 * memory is bounded by streams, not by messages.
 */
export class Conflation {
  /** Everything selected up to this global position is in this round or was delivered before. */
  upTo: number;
  readonly #byStream = new Map<string, ConflatedPoke>();
  #untold: ConflatedPoke[] | undefined = undefined;

  /** Begins behind the subscription's cursor. */
  constructor(cursor: number) {
    this.upTo = cursor;
  }

  /** Whether it is being delivered; nothing more is gathered then. */
  get isTelling(): boolean {
    return this.#untold !== undefined;
  }

  /** Whether it holds something and is still gathering. */
  get hasGathered(): boolean {
    return this.#byStream.size > 0;
  }

  /** Gathers the poke; false: the round has `maxStreams` already, and the poke belongs to the next one. */
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

  /** Ends the gathering. */
  close(): void {
    // Taken from the end.
    this.#untold = [...this.#byStream.values()].sort((a, b) => b.globalPosition - a.globalPosition);
    this.#byStream.clear();
  }

  /** Takes the next one to deliver; undefined when none is left. */
  take(): ConflatedPoke | undefined {
    return this.#untold?.pop();
  }

  /** How many are left to deliver. */
  get left(): number {
    return this.#untold?.length ?? 0;
  }
}
