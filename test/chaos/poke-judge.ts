import { type Wish, wants } from '../../load/soak/wishes.ts';

/** Content of a poke. */
export type Poked = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/**
 * Judges what one subscriber receives, poke by poke, over all its connections. Needs no log and keeps no pokes: a
 * subscriber that starts at the beginning of a log receives each stream's positions in sequence, and increasing global
 * positions.
 */
export class PokeJudge {
  told = 0;
  doubled = 0;
  disordered = 0;
  /** Pokes of streams that were not selected. */
  unwanted = 0;
  readonly #wish: Wish;
  /** The next position of each stream. */
  readonly #next = new Map<string, number>();
  /** Skipped positions, which may still arrive too late. */
  readonly #skipped = new Set<string>();
  #globalPosition = 0;
  /** Skipped positions of earlier logs. */
  #skippedBefore = 0;

  constructor(wish: Wish) {
    this.#wish = wish;
  }

  /** Number of skipped positions. */
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

  /** The log was emptied or replaced: streams start at their first position again. */
  beginAnew(): void {
    this.#skippedBefore = this.skipped;
    this.#skipped.clear();
    this.#next.clear();
    this.#globalPosition = 0;
  }

  /** Number of missing messages, given each stream's number of messages. */
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
