import type { Message, NewMessage } from '../../message/message.ts';
import type { Poke } from '../../message/poke.ts';
import type { Selection } from '../../message/selection.ts';
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
import type { Announcer } from './announcer.ts';
import type { LastLook, PackedPokes } from './read-pokes.ts';
import type { ReaderMethods } from './reader.ts';
import { SqliteImport } from './sqlite-import.ts';
import type { StoreThread } from './store-thread.ts';
import type { WriterMethods } from './writer.ts';

/** What every handle works with. */
export type SqliteParts = {
  readonly writer: StoreThread;
  readonly reader: StoreThread;
  readonly announcer: Announcer;
  readonly pokes: ObjectPool<Poke>;
};

/** A handle on a log of the database: asks the writer and the reader. */
export class SqliteLog implements Log {
  readonly id: LogId;
  readonly #parts: SqliteParts;

  constructor(parts: SqliteParts, id: LogId) {
    this.id = id;
    this.#parts = parts;
  }

  append(stream: string, messages: readonly NewMessage[], expectedVersion: number | undefined): Promise<AppendOutcome> {
    const { writer, announcer } = this.#parts;
    const args: Parameters<WriterMethods['append']> = [this.id, stream, messages, expectedVersion, Date.now()];
    return writer.ask<WriterMethods['append']>('append', args, (outcome) => {
      if (outcome.outcome !== 'appended') return;
      const { position, globalPosition } = outcome;
      announcer.appended(this.id, { stream, count: messages.length, position, globalPosition });
    });
  }

  async beginImport(): Promise<ImportSession> {
    return new SqliteImport(this.#parts, this.id);
  }

  readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage> {
    return this.#read('readStream', stream, from, limit);
  }

  async readLast(stream: string, type: string | undefined): Promise<Message | undefined> {
    for (let before = Number.MAX_SAFE_INTEGER; ; ) {
      const found = await this.#read('readLast', stream, type, before);
      if (found.before === undefined) return found.message;
      before = found.before;
    }
  }

  read(filter: LogFilter, from: number, limit: number): Promise<MessagePage> {
    return this.#read('read', filter, from, limit);
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

  bounds(): Promise<LogBounds> {
    return this.#read('bounds');
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

  follow(announced: Announced): () => void {
    return this.#parts.announcer.follow(this.id, announced);
  }

  #read<Name extends ReadName>(name: Name, ...args: Rest<Parameters<ReaderMethods[Name]>>) {
    const all = [this.id, ...args] as unknown as Parameters<ReaderMethods[Name]>;
    return this.#parts.reader.ask<ReaderMethods[Name]>(name, all);
  }
}

/** Reads of one log: those whose first argument is its id. */
type ReadName = Exclude<keyof ReaderMethods, 'summarize' | 'usage' | 'ping'>;

type Rest<Args extends readonly unknown[]> = Args extends readonly [unknown, ...infer Others] ? Others : [];

/** Pokes of one page; they go back to the pool with it. */
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
