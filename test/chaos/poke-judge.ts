import { type Wish, wants } from '../../load/soak/wishes.ts';

/** What a poke says. */
export type Poked = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/**
 * Judges what one subscriber is told, poke by poke, over all its connections. It needs no log and keeps no pokes: a subscriber
 * that began at the beginning of a log is told the positions of each stream one after the other, and global positions that rise.
 */
export class PokeJudge {
  told = 0;
  doubled = 0;
  disordered = 0;
  /** Pokes of streams that it did not ask for. */
  unwanted = 0;
  readonly #wish: Wish;
  /** The next position of each stream. */
  readonly #next = new Map<string, number>();
  /** Positions that were passed over, and may still come, too late. */
  readonly #skipped = new Set<string>();
  #globalPosition = 0;
  /** Positions that were passed over in logs of before. */
  #skippedBefore = 0;

  constructor(wish: Wish) {
    this.#wish = wish;
  }

  /** Positions that were passed over. */
  get skipped(): number {
    return this.#skippedBefore + this.#skipped.size;
  }

  take({ stream, position, globalPosition }: Poked): void {
    this.told++;
    if (!wants(this.#wish, stream)) this.unwanted++;
    const next = this.#next.get(stream) ?? 0;
    const isLate = this.#skipped.delete(placeOf(stream, position));
    if (position < next && !isLate) this.doubled++;
    else if (isLate || globalPosition <= this.#globalPosition) this.disordered++;
    for (let skipped = next; skipped < position; skipped++) this.#skipped.add(placeOf(stream, skipped));
    this.#next.set(stream, Math.max(next, position + 1));
    this.#globalPosition = Math.max(this.#globalPosition, globalPosition);
  }

  /** The log is empty again, or another one is in its place: streams begin with their first position. */
  beginAnew(): void {
    this.#skippedBefore = this.skipped;
    this.#skipped.clear();
    this.#next.clear();
    this.#globalPosition = 0;
  }

  /** Messages that it lacks of streams with so many messages each. */
  lacks(counts: ReadonlyMap<string, number>): number {
    let lacking = this.skipped;
    for (const [stream, count] of counts) {
      if (wants(this.#wish, stream)) lacking += Math.max(0, count - (this.#next.get(stream) ?? 0));
    }
    return lacking;
  }
}

function placeOf(stream: string, position: number): string {
  return `${stream}/${position}`;
}
