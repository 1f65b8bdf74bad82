import { setTimeout as sleep } from 'node:timers/promises';
import { PokewireError } from '../../errors.ts';
import type { Message, NewMessage } from '../../message/message.ts';
import type { Poke } from '../../message/poke.ts';
import { everything, type Selection } from '../../message/selection.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type {
  Announced,
  AppendOutcome,
  CategorySummary,
  ImportSession,
  Log,
  LogBounds,
  LogFilter,
  MessagePage,
  PokePage,
  StreamStart,
  StreamSummary,
} from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { Kept, RetentionRule } from '../retention.ts';
import { logGone } from '../shared/log-gone.ts';
import type { Announcer } from './announcer.ts';
import { packMessages } from './packed-messages.ts';
import { unpackPage } from './packed-page.ts';
import type { LastLook, PackedPokes } from './read-pokes.ts';
import type { ReaderMethods } from './reader.ts';
import { SqliteImport } from './sqlite-import.ts';
import type { StoreThread } from './store-thread.ts';
import type { WriterMethods } from './writer.ts';

/** Dependencies of every handle. */
export type SqliteParts = {
  readonly writer: StoreThread;
  readonly reader: StoreThread;
  readonly announcer: Announcer;
  readonly pokes: ObjectPool<Poke>;
};

/** How long to retry truncating the write-ahead log while readers hold it, with pauses for appends. */
const maxBusyMs = 60_000;
const busyRestMs = 200;

/** Maximum number of calls to evaluate one rule: about a million messages. */
const maxCountingCalls = 128;

/** A handle on a log of the database. Delegates to the writer and reader threads. */
export class SqliteLog implements Log {
  readonly id: LogId;
  readonly #parts: SqliteParts;

  constructor(parts: SqliteParts, id: LogId) {
    this.id = id;
    this.#parts = parts;
  }

  append(stream: string, messages: readonly NewMessage[], expectedVersion: number | undefined): Promise<AppendOutcome> {
    const { writer, announcer } = this.#parts;
    const packed = packMessages(messages);
    const args: Parameters<WriterMethods['append']> = [this.id, stream, packed, expectedVersion, Date.now()];
    const heard = (outcome: AppendOutcome) => {
      if (outcome.outcome !== 'appended') return;
      const { position, globalPosition } = outcome;
      announcer.appended(this.id, { stream, count: messages.length, position, globalPosition });
    };
    return writer.ask<WriterMethods['append']>('append', args, heard, packed.text.length);
  }

  async beginImport(): Promise<ImportSession> {
    return new SqliteImport(this.#parts, this.id);
  }

  async readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage> {
    return unpackPage(await this.#read('readStream', stream, from, limit));
  }

  async readLast(stream: string, type: string | undefined): Promise<Message | undefined> {
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const found = await this.#read('readLast', stream, type, before);
      if (found.before === undefined) return found.message;
      before = found.before;
    }
  }

  async read(filter: LogFilter, from: number, limit: number): Promise<MessagePage> {
    return unpackPage(await this.#read('read', filter, from, limit));
  }

  async pokes(selection: Selection, after: number, limit: number): Promise<PokePage> {
    return new SqlitePokePage(this.#parts.pokes, await this.#read('pokes', selection, after, limit));
  }

  async last(selection: Selection, after: number, upTo: number): Promise<number> {
    let last = after;
    for (let below: number | undefined = upTo; below !== undefined; ) {
      const look: LastLook = await this.#read('last', selection, last, below);
      ({ last } = look);
      below = look.upTo;
    }
    return last;
  }

  bounds(selection = everything): Promise<LogBounds> {
    return this.#read('bounds', selection);
  }

  version(stream: string): Promise<number> {
    return this.#read('version', stream);
  }

  describeStream(stream: string): Promise<StreamSummary | undefined> {
    return this.#read('describeStream', stream);
  }

  listStreams(prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]> {
    return this.#read('listStreams', prefix, after, limit);
  }

  listCategories(after: string | undefined, limit: number): Promise<CategorySummary[]> {
    return this.#read('listCategories', after, limit);
  }

  async kept(rule: RetentionRule, nowMs: number): Promise<Kept> {
    const first = await this.#read('kept', rule, nowMs, undefined);
    let { left, next } = first;
    for (let calls = 1; next !== undefined && calls < maxCountingCalls; calls++) {
      ({ left, next } = await this.#read('kept', rule, nowMs, next));
    }
    const { amount, oldestMs } = first;
    const excess = { messages: amount.messages - left.messages, bytes: amount.bytes - left.bytes };
    return { ...amount, oldestMs, excess: { ...excess, isWhole: next === undefined } };
  }

  async erase(stream: string, position: number | undefined): Promise<number> {
    const { writer } = this.#parts;
    let erased = 0;
    for (let upTo = position, isLast = false; !isLast; ) {
      const args: Parameters<WriterMethods['eraseSlice']> = [this.id, stream, position ?? 0, upTo];
      const slice = await writer.ask<WriterMethods['eraseSlice']>('eraseSlice', args);
      if (slice === 'gone') throw logGone();
      erased += slice.messages;
      ({ upTo, isLast } = slice);
    }
    await this.#purge();
    return erased;
  }

  /** Waits until neither the file nor the write-ahead log contains erased data. */
  async #purge(): Promise<void> {
    const { writer } = this.#parts;
    for (let busySinceMs: number | undefined; ; ) {
      const purged = await writer.ask<WriterMethods['purge']>('purge', []);
      if (purged === 'done') return;
      if (purged === 'more') continue;
      busySinceMs ??= performance.now();
      if (performance.now() - busySinceMs > maxBusyMs) break;
      await sleep(busyRestMs);
    }
    const cause = new Error('a reader, such as a running backup, keeps the write-ahead log from being emptied');
    throw new PokewireError(
      'BACKEND_ERROR',
      'The messages are erased, but their bytes are still in the file. Repeat the request.',
      {
        cause,
      },
    );
  }

  follow(announced: Announced): () => void {
    return this.#parts.announcer.follow(this.id, announced);
  }

  #read<Name extends ReadName>(name: Name, ...args: Rest<Parameters<ReaderMethods[Name]>>) {
    const all = [this.id, ...args] as unknown as Parameters<ReaderMethods[Name]>;
    return this.#parts.reader.ask<ReaderMethods[Name]>(name, all);
  }
}

/** Reads of a single log: those whose first argument is its id. */
type ReadName = Exclude<keyof ReaderMethods, 'summarize' | 'usage' | 'ping'>;

type Rest<Args extends readonly unknown[]> = Args extends readonly [unknown, ...infer Others] ? Others : [];

/** A page of pokes, which return to the pool with it. */
class SqlitePokePage implements PokePage {
  readonly pokes: Poke[] = [];
  readonly epoch: LogId;
  readonly forgottenUpTo: number;
  readonly importsBelowHead: number;
  readonly upTo: number;
  readonly atEnd: boolean;
  readonly #pool: ObjectPool<Poke>;

  constructor(pool: ObjectPool<Poke>, { names, numbers, bounds, upTo, atEnd }: PackedPokes) {
    this.#pool = pool;
    this.epoch = bounds.epoch;
    this.forgottenUpTo = bounds.forgottenUpTo;
    this.importsBelowHead = bounds.importsBelowHead;
    this.upTo = upTo;
    this.atEnd = atEnd;
    const streams = names.map((name) => new StreamName(name));
    for (let at = 0; at < numbers.length; at += 3) {
      const stream = streams[numbers[at]!]!;
      this.pokes.push(pool.acquire().set(stream, numbers[at + 1]!, numbers[at + 2]!, 0));
    }
  }

  release(): void {
    for (const poke of this.pokes) this.#pool.release(poke);
    this.pokes.length = 0;
  }
}
