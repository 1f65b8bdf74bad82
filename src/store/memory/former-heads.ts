/** Removed ids whose heads are told apart. */
const maxFormerIds = 100_000;

/** How far the logs of removed namespaces came, so that a new one of the same id begins behind them. */
export class FormerHeads {
  /** The one removed first in front. */
  readonly #heads = new Map<string, number>();
  readonly #maxIds: number;
  /** The highest of those that are no longer kept apart; it holds for every id that is not. */
  #floor = 0;

  /** `maxIds` is how many removed ids are told apart. */
  constructor(maxIds = maxFormerIds) {
    this.#maxIds = maxIds;
  }

  /** Where the namespaces of this id came to; they are forgotten, as the new one keeps it. 0: there was none. */
  take(id: string): number {
    const reached = this.#heads.get(id) ?? this.#floor;
    this.#heads.delete(id);
    return reached;
  }

  keep(id: string, head: number): void {
    if (head <= this.#floor) return;
    this.#heads.set(id, head);
    if (this.#heads.size <= this.#maxIds) return;
    const [oldest, reached] = this.#heads.entries().next().value!;
    this.#heads.delete(oldest);
    this.#floor = Math.max(this.#floor, reached);
  }
}
