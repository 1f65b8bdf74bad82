/**
 * Which limit of a {@link Quota} was reached: the total, the holder's, or the part of the total available to holders
 * that already have more than a few.
 */
export type QuotaLimit = 'all' | 'holder' | 'kept';

/** Share of the total reserved for holders with few, so that some large holders cannot shut out the others. */
const keptShare = 1 / 4;

/** A holder with less than this share of the total, or with none, has few. */
const fewShare = 1 / 64;

/** Counts units in use, in total and per holder, up to a limit each. */
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

  /** Takes a unit for the holder; returns the limit if one is reached. */
  take(holder: string): QuotaLimit | undefined {
    const ofHolder = this.#ofHolder.get(holder) ?? 0;
    if (isFull(this.#taken, this.#max)) return 'all';
    if (isFull(ofHolder, this.#maxPerHolder)) return 'holder';
    if (this.#isKeptFrom(ofHolder)) return 'kept';
    this.#taken++;
    this.#ofHolder.set(holder, ofHolder + 1);
    return undefined;
  }

  /** Whether the rest is reserved for holders with few units. Nothing is reserved if one holder may take everything. */
  #isKeptFrom(ofHolder: number): boolean {
    const mayTakeAll = this.#maxPerHolder === 0 || this.#maxPerHolder >= this.#max;
    if (mayTakeAll || ofHolder < Math.max(1, this.#max * fewShare)) return false;
    return isFull(this.#taken, this.#max - Math.floor(this.#max * keptShare));
  }

  /** Returns one of the holder's units. */
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

/** Error text for a reached limit. `what`: plural of the counted units; `holder`: their holder. */
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
