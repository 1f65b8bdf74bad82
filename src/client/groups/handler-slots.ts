/**
 * Limits concurrent handlers, and allows one per stream, even if its partition is assigned again while a handler of an
 * earlier generation still runs.
 */
export class HandlerSlots {
  #free: number;
  readonly #busy = new Set<string>();
  readonly #waiting: { readonly stream: string; readonly begin: () => void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves in call order once a handler of this stream may run. The caller must release the slot. */
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
