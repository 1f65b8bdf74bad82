/**
 * Lets so many handlers run at once, and one of each stream: also when a partition comes back while a handler of its former generation
 * still runs.
 */
export class HandlerSlots {
  #free: number;
  readonly #busy = new Set<string>();
  readonly #waiting: { readonly stream: string; readonly begin: () => void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when a handler of this stream may run; it must release then. First come, first served. */
  async acquire(stream: string): Promise<void> {
    if (this.#free > 0 && !this.#busy.has(stream)) return this.#take(stream);
    await new Promise<void>((begin) => this.#waiting.push({ stream, begin }));
  }

  release(stream: string): void {
    this.#free++;
    this.#busy.delete(stream);
    const at = this.#waiting.findIndex((waiting) => !this.#busy.has(waiting.stream));
    if (at < 0) return;
    const [next] = this.#waiting.splice(at, 1);
    this.#take(next!.stream);
    next!.begin();
  }

  #take(stream: string): void {
    this.#free--;
    this.#busy.add(stream);
  }
}
