/** Runs one read at a time. Calls made during a read share the next one, so each gets a read that started after its call. */
export class SharedRead<T> {
  readonly #read: () => Promise<T>;
  #running: Promise<T> | undefined = undefined;
  #next: Promise<T> | undefined = undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Rejects if the read rejects; the next read runs regardless. */
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
