/** Runs one read at a time. Callers that ask while one runs share the next, so each gets a read that began after its call. */
export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  #running: Promise<T> | undefined = undefined;
  #next: Promise<T> | undefined = undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Rejects with what the read rejects with; the next one runs all the same. */
  run(): Promise<T> {
    if (this.#running === undefined) {
      const running = this.#read();
      this.#running = running;
      const done = () => {
        this.#running = undefined;
      };
      running.then(done, done);
      return running;
    }
    const begin = () => {
      this.#next = undefined;
      return this.run();
    };
    this.#next ??= this.#running.then(begin, begin);
    return this.#next;
  }
}
