import { setImmediate as nextTurn } from 'node:timers/promises';
import { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { MemoryStore, type MemoryStoreOptions } from '../../src/store/memory/memory-store.ts';
import type { Announced, PokePage, Replaced } from '../../src/store/message-store.ts';

/** A memory store with a network in between: announcements and reads can be held back, cut short, or made to fail. */
export class FakeStore extends MemoryStore {
  /** Pages of pokes hold at most so many. */
  pagePokes = Number.POSITIVE_INFINITY;
  /** Turns of the event loop between a read of the log and its answer, which then is out of date. */
  readTurns = 0;
  /** Reads of pokes reject with this. */
  failure: Error | undefined = undefined;
  /** Reads of pokes begun. */
  reads = 0;
  /** Reads of pokes under way. */
  readsUnderWay = 0;
  #holding = false;
  readonly #held: { namespace: string; news: Poke | string }[] = [];
  #announced: Announced = () => {};
  #replaced: Replaced = () => {};
  #gate: PromiseWithResolvers<void> | undefined = undefined;

  constructor(options: MemoryStoreOptions) {
    super(options);
    super.watch(
      (namespace, poke) => {
        if (this.#holding) this.#held.push({ namespace, news: copyOf(poke) });
        else this.#announced(namespace, poke);
      },
      (namespace, epoch) => {
        if (this.#holding) this.#held.push({ namespace, news: epoch });
        else this.#replaced(namespace, epoch);
      },
    );
  }

  override watch(announced: Announced, replaced: Replaced = () => {}): void {
    this.#announced = announced;
    this.#replaced = replaced;
  }

  /** Messages and replacements that were not announced. */
  get unannounced(): number {
    return this.#held.length;
  }

  /** From now on messages and replacements are announced by {@link FakeStore.announce} only. */
  holdAnnouncements(): void {
    this.#holding = true;
  }

  /** Makes up to so many of the announcements that were held back. */
  announce(count = Number.POSITIVE_INFINITY): void {
    for (; count > 0 && this.#held.length > 0; count--) {
      const { namespace, news } = this.#held.shift()!;
      if (typeof news === 'string') {
        this.#replaced(namespace, news);
        continue;
      }
      this.#announced(namespace, news);
      // Who kept it, against the store's promise, has nonsense now.
      news.set(new StreamName('kept-poke'), -1, -1, 0);
    }
  }

  /** Drops up to so many of the announcements that were held back, as if they had been made before anybody watched. */
  forget(count = Number.POSITIVE_INFINITY): void {
    this.#held.splice(0, count);
  }

  /** Makes those that were held back, and the coming ones at once. */
  resumeAnnouncements(): void {
    this.#holding = false;
    this.announce();
  }

  /** From now on answers to reads of pokes wait for {@link FakeStore.answerReads}. What was read is old by then. */
  holdReads(): void {
    this.#gate ??= Promise.withResolvers();
  }

  /** Answers those that wait, and those that come at once. */
  answerReads(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  override async readPokes(namespace: string, selection: Selection, after: number, limit: number): Promise<PokePage> {
    this.reads++;
    this.readsUnderWay++;
    try {
      const page = await super.readPokes(namespace, selection, after, Math.min(limit, this.pagePokes));
      for (let turn = 0; turn < this.readTurns; turn++) await nextTurn();
      await this.#gate?.promise;
      if (this.failure === undefined) return page;
      page.release();
      throw this.failure;
    } finally {
      this.readsUnderWay--;
    }
  }
}

function copyOf({ stream, position, globalPosition, appendedAtMs }: Poke): Poke {
  return new Poke().set(stream, position, globalPosition, appendedAtMs);
}
