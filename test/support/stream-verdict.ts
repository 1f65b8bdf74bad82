import { positionIn } from './cursors.ts';
import type { ReceivedPoke, StreamEvent } from './sse-client.ts';

/** Positions of a message in a log. */
export type Place = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** A poke, or one that stands for several messages. */
type Told = ReceivedPoke & { readonly from?: number; readonly count?: number };

/** The events of one connection, and the messages of its log. */
export type Heard = {
  /** Its name in reports. */
  readonly name: string;
  readonly events: readonly StreamEvent[];
  /** The events that are pokes, parsed. */
  readonly pokes: readonly ReceivedPoke[];
  readonly epoch: string;
  /** Every message of its log that its selection includes, by global position. */
  readonly selected: readonly Place[];
  /**
   * The messages that its selectors match, including those before its starting position in a stream; heads refer to
   * these.
   */
  readonly named: readonly Place[];
  /** Global position after which it starts; undefined: not known yet, so it must not receive anything. */
  readonly after: number | undefined;
  /** Whether nothing more will arrive. */
  readonly isComplete: boolean;
};

/**
 * Throws if a connection received a message twice, out of order or not at all, or a head before everything up to it.
 * Returns the number of messages it received.
 */
export function judgeHeard(heard: Heard): number {
  return new HeardVerdict(heard).give();
}

class HeardVerdict {
  readonly #heard: Heard;
  readonly #first: number;
  /** Index of the next selected message to be received. */
  #next: number;
  #pokes = 0;
  /** Pokes of an incomplete round of conflation. */
  #round: Told[] = [];

  constructor(heard: Heard) {
    this.#heard = heard;
    const { selected, after } = heard;
    const first = selected.findIndex(({ globalPosition }) => globalPosition > (after ?? 0));
    this.#first = after === undefined || first === -1 ? selected.length : first;
    this.#next = this.#first;
  }

  give(): number {
    const { events, pokes, selected, isComplete } = this.#heard;
    for (const { type, data, lastEventId } of events) {
      if (type === 'poke') this.#judgePoke(pokes[this.#pokes++]!);
      else if (type === 'heartbeat') this.#judgeHeartbeat(JSON.parse(data), lastEventId);
    }
    if (isComplete && this.#round.length > 0) this.#fail('was not told the end of a round');
    if (isComplete && this.#next < selected.length) this.#fail('was told no more');
    return this.#next - this.#first;
  }

  #judgePoke(told: Told): void {
    const upTo = positionIn(told.id, this.#heard.epoch);
    if (told.count !== undefined) {
      this.#round.push(told);
      if (upTo === told.globalPosition) this.#judgeRound(upTo);
      return;
    }
    if (this.#round.length > 0) this.#fail(`was told ${textOf(told)} in the middle of a round`);
    const expected = this.#heard.selected[this.#next];
    const isNext =
      expected !== undefined &&
      expected.globalPosition === told.globalPosition &&
      expected.position === told.position &&
      expected.stream === told.stream;
    if (!isNext) this.#fail(`was told ${textOf(told)}, which is not next`);
    if (upTo !== told.globalPosition) this.#fail(`was told ${textOf(told)} with the id ${told.id}`);
    this.#next++;
  }

  /** A round contains each stream once, in the order of last messages, and together covers everything up to the last of all. */
  #judgeRound(upTo: number): void {
    const byStream = new Map<string, Place & { from: number; count: number }>();
    for (; this.#next < this.#heard.selected.length; this.#next++) {
      const place = this.#heard.selected[this.#next]!;
      if (place.globalPosition > upTo) break;
      const { from, count } = byStream.get(place.stream) ?? { from: place.position, count: 0 };
      byStream.set(place.stream, { ...place, from, count: count + 1 });
    }
    const line = ({ stream, position, globalPosition, from, count }: Place & { from?: number; count?: number }) =>
      `${stream} ${from} ${position} ${globalPosition} ${count}`;
    const right = [...byStream.values()].sort((a, b) => a.globalPosition - b.globalPosition).map(line);
    const told = this.#round.map(line);
    if (told.join() !== right.join()) this.#fail(`was told the round ${told} in place of ${right}`);
    this.#round = [];
  }

  #judgeHeartbeat({ epoch, head, count }: { epoch: string; head: number; count: number }, id: string): void {
    const { selected, named, epoch: right } = this.#heard;
    if (epoch !== right) this.#fail(`was told the epoch ${epoch} in a heartbeat`);
    if (count !== this.#pokes) this.#fail(`was told a count of ${count} behind ${this.#pokes} pokes`);
    if (head !== 0 && indexOf(named, head) === -1)
      this.#fail(`was told the head ${head}, which its selectors do not name`);
    const upTo = Math.max(head, positionIn(id, epoch) ?? 0);
    const next = selected[this.#next];
    if (next !== undefined && next.globalPosition <= upTo) this.#fail(`was told the head ${head} at "${id}" too early`);
  }

  #fail(what: string): never {
    const { name, selected, after } = this.#heard;
    const near = selected.slice(Math.max(0, this.#next - 2), this.#next + 3).map(textOf);
    throw new Error(
      `${name}, which begins behind ${after}, ${what}. It was told ${this.#next - this.#first} of ` +
        `${selected.length - this.#first} messages before; the log has there: ${near.join(', ') || 'nothing'}.`,
    );
  }
}

/** Index of the message at a global position; -1 if there is none. */
function indexOf(places: readonly Place[], globalPosition: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (places[middle]!.globalPosition < globalPosition) low = middle + 1;
    else high = middle;
  }
  return places[low]?.globalPosition === globalPosition ? low : -1;
}

function textOf({ stream, position, globalPosition }: Place): string {
  return `${stream}/${position}@${globalPosition}`;
}
