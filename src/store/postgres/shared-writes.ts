import { type GroupChange, maxGroupRecords } from '../group-store.ts';

/** Writes changes, and resolves to what became of each. */
type Write = (changes: readonly GroupChange[]) => Promise<(number | undefined)[]>;

type Waiting = {
  readonly changes: readonly GroupChange[];
  readonly resolve: (outcomes: (number | undefined)[]) => void;
  readonly reject: (error: unknown) => void;
};

/** Statements at a time: while one is committed the next one gathers. */
const maxRunning = 2;

/**
 * Lets writes that meet share a statement and its commit. Each change still holds or loses by itself; a statement that fails rejects all
 * writes that it carried, which may have been done. What waits is bounded by the requests that are under way.
 */
export class SharedWrites {
  readonly #write: Write;
  #waiting: Waiting[] = [];
  #running = 0;

  constructor(write: Write) {
    this.#write = write;
  }

  add(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject });
      // Requests of one turn of the event loop come together.
      if (this.#waiting.length === 1) setImmediate(() => this.#begin());
    });
  }

  #begin(): void {
    while (this.#waiting.length > 0 && this.#running < maxRunning) void this.#run(this.#take());
  }

  /** Takes the writes that may share a statement: no key twice, and so many changes at most. */
  #take(): Waiting[] {
    const keys = new Set<string>();
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const { changes } = waiting;
      const fits = keys.size + changes.length <= maxGroupRecords && !changes.some(({ key }) => keys.has(key));
      (fits ? taken : left).push(waiting);
      if (fits) for (const { key } of changes) keys.add(key);
    }
    this.#waiting = left;
    return taken;
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    this.#running++;
    try {
      const outcomes = await this.#write(taken.flatMap(({ changes }) => changes));
      let at = 0;
      for (const { changes, resolve } of taken) {
        resolve(outcomes.slice(at, at + changes.length));
        at += changes.length;
      }
    } catch (error) {
      for (const { reject } of taken) reject(error);
    } finally {
      this.#running--;
      this.#begin();
    }
  }
}
