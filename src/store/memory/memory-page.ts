import type { Message } from '../../message/message.ts';
import type { Poke } from '../../message/poke.ts';
import { everything, type Selection } from '../../message/selection.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { LogBounds, LogFilter, MessagePage, PokePage } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { correlationOf } from '../shared/correlation.ts';
import { maxPageBytes, maxPageMessages } from '../shared/page-limits.ts';
import type { MemoryLog } from './memory-log.ts';

/** Collects messages until the page is full by count or by bytes. */
export class PageBuilder {
  readonly #messages: Message[] = [];
  readonly #log: MemoryLog;
  readonly #limit: number;
  #bytes = 0;

  constructor(log: MemoryLog, limit: number) {
    this.#log = log;
    this.#limit = Math.min(limit, maxPageMessages);
  }

  /** Adds a row; returns false if the page is full. */
  add(row: number): boolean {
    const bytes = this.#log.table.payloadBytes(row);
    const tooLarge = this.#bytes + bytes > maxPageBytes && this.#messages.length > 0;
    if (tooLarge || this.#messages.length >= this.#limit) return false;
    this.#bytes += bytes;
    this.#messages.push(this.#log.message(row));
    return true;
  }

  /** Returns the page. `next`: where the rest starts; null: there is none. */
  end(next: number | null): MessagePage {
    return { messages: this.#messages, epoch: this.#log.id, next };
  }
}

/** A page of pokes, which return to the pool with it. */
export class MemoryPokePage implements PokePage {
  readonly pokes: Poke[] = [];
  readonly epoch: LogId;
  readonly forgottenUpTo: number;
  readonly importsBelowHead: number;
  upTo: number;
  atEnd = false;
  readonly #pool: ObjectPool<Poke>;

  constructor(pool: ObjectPool<Poke>, { epoch, forgottenUpTo, importsBelowHead }: LogBounds, after: number) {
    this.#pool = pool;
    this.epoch = epoch;
    this.forgottenUpTo = forgottenUpTo;
    this.importsBelowHead = importsBelowHead;
    this.upTo = after;
  }

  release(): void {
    for (const poke of this.pokes) this.#pool.release(poke);
    this.pokes.length = 0;
  }
}

/** The selection of a category, or of the whole log. */
export function everythingOf(category: string | undefined): Selection {
  return category === undefined ? everything : { ...everything, all: false, categories: [category] };
}

/** Whether the row matches the group and the correlation of the filter. Ignores the category. */
export function matches(log: MemoryLog, row: number, { group, correlation }: LogFilter): boolean {
  if (group !== undefined && !log.streamOfRow(row).name.ownedBy(group)) return false;
  return correlation === undefined || correlationOf(log.table.metadata(row)) === correlation;
}
