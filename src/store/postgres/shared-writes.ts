import { type GroupChange, maxGroupRecords } from '../group-store.ts';

/** Writes changes, and resolves to the result of each. */
type Write = (changes: readonly GroupChange[]) => Promise<(number | undefined)[]>;

type Waiting = {
  readonly changes: readonly GroupChange[];
  readonly resolve: (outcomes: (number | undefined)[]) => void;
  readonly reject: (error: unknown) => void;
};

/** Number of concurrent statements: while one commits, the next collects changes. */
const maxRunning = 2;

/**
 * Lets concurrent writes share a statement and its commit. Each change still succeeds or loses independently. If a
 * statement fails, all its writes reject, and may have been applied. The number of pending requests bounds the queue.
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
      // Collects requests of one turn of the event loop.
      if (this.#waiting.length === 1) setImmediate(() => this.#begin());
    });
  }

  #begin(): void {
    while (this.#waiting.length > 0 && this.#running < maxRunning) void this.#run(this.#take());
  }

  /** Removes and returns writes that may share a statement: no key twice, and a bounded number of changes. */
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
