import type { Poke } from '../../src/message/poke.ts';
import type { Announcement, Log } from '../../src/store/log.ts';
import { everything } from '../support/fake-messages.ts';
import { textOf } from './whole-log.ts';

/**
 * Follows a log as `src/store/log.ts` requires: it uses an announced page that continues at its own head, and treats
 * everything else as a hint to read on from there.
 */
export class ReferenceFollower {
  /** The pokes received, each formatted by {@link textOf}. */
  readonly told: string[] = [];
  /** Number of pokes from announced pages rather than reads. */
  pushed = 0;
  /** Errors of reads; the next announcement, or the final read, makes up for them. */
  readonly failures: unknown[] = [];
  readonly #log: Log;
  readonly #stop: () => void;
  #head: number;
  #reading: Promise<void> | undefined = undefined;
  #shouldReadAgain = false;

  /** Starts after a global position. */
  constructor(log: Log, after = 0) {
    this.#log = log;
    this.#head = after;
    this.#stop = log.follow((announcement) => this.#hear(announcement));
  }

  /** Stops following and reads the rest; resolves to all pokes received. */
  async finish(): Promise<string[]> {
    this.#stop();
    await this.#reading;
    await this.#readToEnd();
    return this.told;
  }

  #hear(announcement: Announcement): void {
    if (announcement !== 'wake-up') {
      const { epoch, after, upTo, pokes } = announcement;
      if (epoch === this.#log.id && after <= this.#head && this.#head < upTo) {
        this.pushed += pokes.length;
        this.#take(pokes, upTo);
        return;
      }
      if (upTo <= this.#head) return;
    }
    this.#shouldReadAgain = true;
    this.#reading ??= this.#readOn();
  }

  async #readOn(): Promise<void> {
    while (this.#shouldReadAgain) {
      this.#shouldReadAgain = false;
      await this.#readToEnd().catch((error: unknown) => this.failures.push(error));
    }
    this.#reading = undefined;
  }

  async #readToEnd(): Promise<void> {
    for (let isAtEnd = false; !isAtEnd; ) {
      const page = await this.#log.pokes(everything, this.#head, 50);
      isAtEnd = page.atEnd;
      this.#take(page.pokes, page.upTo);
      page.release();
    }
  }

  /** A page may start before the head, because another one arrived during its read. */
  #take(pokes: readonly Poke[], upTo: number): void {
    for (const poke of pokes) if (poke.globalPosition > this.#head) this.told.push(textOf(poke));
    this.#head = Math.max(this.#head, upTo);
  }
}
