/** A member's write about a message. */
export type Written = { readonly stream: string; readonly position: number; readonly generation: number };

type Kept = { next: number; generation: number; last: number };

/** Keeps the highest generation of each stream and refuses lower ones, as a database would; records every violation of order. */
export class FencedSink {
  handled = 0;
  repeated = 0;
  refused = 0;
  readonly breaches: string[] = [];
  readonly #streams = new Map<string, Kept>();

  /** Number of messages of a stream that were written, starting with its first one. */
  written(stream: string): number {
    return this.#streams.get(stream)?.next ?? 0;
  }

  /** The generation of the last accepted write to a stream; 0: there was none. */
  generation(stream: string): number {
    return this.#streams.get(stream)?.generation ?? 0;
  }

  write({ stream, position, generation }: Written): void {
    const kept = this.#kept(stream);
    if (generation < kept.generation) {
      this.refused++;
      return;
    }
    if (position > kept.next) this.breaches.push(`${stream}@${position} came before ${kept.next}`);
    if (generation === kept.generation && position <= kept.last)
      this.breaches.push(`${stream} went back from ${kept.last} to ${position} in generation ${generation}`);
    if (position === kept.next) this.handled++;
    else this.repeated++;
    kept.next = Math.max(kept.next, position + 1);
    kept.generation = generation;
    kept.last = position;
  }

  #kept(stream: string): Kept {
    return this.#streams.getOrInsertComputed(stream, () => ({ next: 0, generation: 0, last: -1 }));
  }
}
