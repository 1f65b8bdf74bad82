/**
 * Which limit of a {@link Quota} is reached: that of all, that of one holder, or the part of all that holders of more than a
 * few may use.
 */
export type QuotaLimit = 'all' | 'holder' | 'kept';

/** The last part of all is kept for holders of few, so that some holders of many do not shut out the others. */
const keptShare = 1 / 4;

/** A holder of less than this part of all, or of none, holds few. */
const fewShare = 1 / 64;

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
    if (this.#isKeptFrom(ofHolder)) return 'kept';
    this.#taken++;
    this.#ofHolder.set(holder, ofHolder + 1);
    return undefined;
  }

  /** Whether what is left is kept for holders of less. Nothing is kept where one holder may take all. */
  #isKeptFrom(ofHolder: number): boolean {
    const mayTakeAll = this.#maxPerHolder === 0 || this.#maxPerHolder >= this.#max;
    if (mayTakeAll || ofHolder < Math.max(1, this.#max * fewShare)) return false;
    return isFull(this.#taken, this.#max - Math.floor(this.#max * keptShare));
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

/** Says which limit is reached. `what` is the plural of what is counted, `holder` names whose it is. */
export function sayReached(
  reached: QuotaLimit,
  what: string,
  holder: string,
  limits: { readonly max: number; readonly maxPerHolder: number },
): string {
  switch (reached) {
    case 'all':
      return `${limits.max} ${what} are running, which is the limit.`;
    case 'holder':
      return `${limits.maxPerHolder} ${what} of ${holder} are running, which is the limit.`;
    case 'kept':
      return `Most of the ${limits.max} ${what} are in use, and the rest are reserved for namespaces with few of them.`;
  }
}
