/** Which limit of a {@link Quota} is reached: that of all, or that of one holder. */
export type QuotaLimit = 'all' | 'holder';

/** Counts what is under way, in all and of each holder, and lets it be no more than may be. */
export class Quota {
  readonly #max: number;
  readonly #maxPerHolder: number;
  readonly #ofHolder = new Map<string, number>();
  #taken = 0;

  /** 0: no limit. */
  constructor(max: number, maxPerHolder: number) {
    this.#max = max;
    this.#maxPerHolder = maxPerHolder;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes one for the holder, unless a limit is reached: then returns which. */
  take(holder: string): QuotaLimit | undefined {
    const ofHolder = this.#ofHolder.get(holder) ?? 0;
    if (isFull(this.#taken, this.#max)) return 'all';
    if (isFull(ofHolder, this.#maxPerHolder)) return 'holder';
    this.#taken++;
    this.#ofHolder.set(holder, ofHolder + 1);
    return undefined;
  }

  /** Gives one of the holder's back. */
  release(holder: string): void {
    this.#taken--;
    const left = this.#ofHolder.get(holder)! - 1;
    if (left === 0) this.#ofHolder.delete(holder);
    else this.#ofHolder.set(holder, left);
  }
}

function isFull(taken: number, max: number): boolean {
  return max > 0 && taken >= max;
}
