/** Number of removed ids with a separate head. */
const maxFormerIds = 100_000;

/** Heads of removed namespaces, so that a new namespace with the same id starts after them. */
export class FormerHeads {
  /** In order of removal, oldest first. */
  readonly #heads = new Map<string, number>();
  readonly #maxIds: number;
  /** Highest head dropped from the map; applies to every id not in it. */
  #floor = 0;

  /** `maxIds`: number of removed ids with a separate head. */
  constructor(maxIds = maxFormerIds) {
    this.#maxIds = maxIds;
  }

  /** Removes and returns the head of earlier namespaces with this id, because the new one takes it over. 0: there was none. */
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
