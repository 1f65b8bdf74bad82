import type { Message, NewMessage } from '../../message/message.ts';
import type { Poke } from '../../message/poke.ts';
import type { Selection } from '../../message/selection.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import { refuseUnsupported, requireSupport } from '../capabilities.ts';
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
import type { Kept } from '../retention.ts';
import { logGone } from '../shared/log-gone.ts';
import type { PostgresStore } from './postgres-store.ts';
import { readCategories, readStreamSummary, readStreams } from './read-lists.ts';
import { readLastMessage, readLogPage, readStreamPage } from './read-messages.ts';
import { type Place, type Query, readLastPlace, readPlaces } from './read-pokes.ts';
import type { SettledLog } from './settled-log.ts';

export type LogParts = {
  readonly store: Pick<PostgresStore, 'kind' | 'capabilities'>;
  readonly pokes: ObjectPool<Poke>;
  /** The log that the database holds now. */
  readonly current: () => { readonly settled: SettledLog; readonly isByteOrder: boolean };
  /** One of the read connections, which runs statements in the order of the calls. They reject with `BACKEND_ERROR`. */
  readonly reader: () => Query;
  readonly append: (
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ) => Promise<AppendOutcome>;
};

/** A handle on the database's current log, or on an earlier one. */
export class PostgresLog implements Log {
  readonly id: LogId;
  readonly #parts: LogParts;

  constructor(parts: LogParts, id: LogId) {
    this.id = id;
    this.#parts = parts;
  }

  async append(
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome> {
    requireSupport(this.#parts.store, 'appends');
    if (this.#parts.current().settled.epoch !== this.id) return { outcome: 'gone' };
    return this.#parts.append(stream, messages, expectedVersion);
  }

  async beginImport(): Promise<ImportSession> {
    return refuseUnsupported(this.#parts.store, 'imports');
  }

  async readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage> {
    return readStreamPage(this.#query, this.id, stream, from, limit);
  }

  async readLast(stream: string, type: string | undefined): Promise<Message | undefined> {
    return readLastMessage(this.#query, stream, type);
  }

  async read(filter: LogFilter, from: number, limit: number): Promise<MessagePage> {
    return readLogPage(this.#query, this.id, filter, from, limit, await this.#settled.settled());
  }

  async pokes(selection: Selection, after: number, limit: number): Promise<PokePage> {
    const settled = this.#settled;
    // A page in the middle of the log needs no poll: everything up to the known head is settled.
    let { page, forgottenUpTo } = await this.#page(selection, after, limit, settled.head);
    const head = page.atEnd ? await settled.settled() : 0;
    if (head > page.upTo) {
      const { places, upTo } = page;
      const rest = await this.#page(selection, upTo, limit - places.length, head);
      page = { ...rest.page, places: [...places, ...rest.page.places] };
      ({ forgottenUpTo } = rest);
    }
    return new PostgresPokePage(this.#parts.pokes, this.id, after, forgottenUpTo, page);
  }

  /** One round trip. Positions are read first, so that everything deleted before is known to be forgotten. */
  async #page(selection: Selection, after: number, limit: number, head: number) {
    const query = this.#guarded(this.#parts.reader());
    const [page, forgottenUpTo] = await Promise.all([
      readPlaces(query, selection, after, limit, head),
      this.#forgottenUpTo(head, query),
    ]);
    return { page, forgottenUpTo };
  }

  async last(selection: Selection, after: number, upTo: number): Promise<number> {
    return readLastPlace(this.#query, selection, after, Math.min(upTo, await this.#settled.settled()));
  }

  async bounds(): Promise<LogBounds> {
    const head = await this.#settled.settled();
    return { epoch: this.id, head, forgottenUpTo: await this.#forgottenUpTo(head), importsBelowHead: 0 };
  }

  async version(stream: string): Promise<number> {
    const { rows } = await this.#query<readonly [number | null]>(
      'SELECT max(position) FROM message_store.messages WHERE stream_name = $1',
      [stream],
    );
    return rows[0]![0] ?? -1;
  }

  async describeStream(stream: string): Promise<StreamSummary | undefined> {
    return readStreamSummary(this.#query, stream);
  }

  async listStreams(prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]> {
    return readStreams(this.#query, this.#parts.current().isByteOrder, prefix, after, limit);
  }

  async listCategories(after: string | undefined, limit: number): Promise<CategorySummary[]> {
    return readCategories(this.#query, after, limit);
  }

  async kept(): Promise<Kept> {
    return refuseUnsupported(this.#parts.store, 'retention');
  }

  async erase(): Promise<number> {
    return refuseUnsupported(this.#parts.store, 'erasure');
  }

  follow(announced: Announced): () => void {
    const { settled } = this.#parts.current();
    return settled.epoch === this.id ? settled.follow(announced) : () => {};
  }

  get #settled(): SettledLog {
    const { settled } = this.#parts.current();
    if (settled.epoch !== this.id) throw logGone();
    return settled;
  }

  /**
   * Queries the database. Throws `LOG_GONE` if it holds another log, even if that was noticed during the read: the
   * answer may come from the new primary.
   */
  readonly #query: Query = (text, values) => this.#guarded(this.#parts.reader())(text, values);

  #guarded(query: Query): Query {
    return async <Row extends readonly unknown[]>(text: string, values?: readonly unknown[]) => {
      void this.#settled;
      const answer = await query<Row>(text, values);
      void this.#settled;
      return answer;
    };
  }

  /**
   * Administrators may delete the oldest rows. Positions never used do not count as missing, nor do those that an open
   * transaction may still use: every row up to a head that was settled before is visible.
   */
  async #forgottenUpTo(head: number, query = this.#query): Promise<number> {
    const { rows } = await query<readonly [number | null]>('SELECT min(global_position) FROM message_store.messages');
    const upTo = Math.min(head, (rows[0]![0] ?? head + 1) - 1);
    return upTo <= this.#settled.unusedUpTo ? 0 : upTo;
  }
}

/** A page of pokes, which return to the pool with it. */
class PostgresPokePage implements PokePage {
  readonly pokes: Poke[] = [];
  readonly epoch: LogId;
  readonly upTo: number;
  readonly atEnd: boolean;
  readonly forgottenUpTo: number;
  readonly importsBelowHead = 0;
  readonly #pool: ObjectPool<Poke>;

  constructor(
    pool: ObjectPool<Poke>,
    epoch: LogId,
    after: number,
    forgottenUpTo: number,
    { places, upTo, atEnd }: { places: readonly Place[]; upTo: number; atEnd: boolean },
  ) {
    this.#pool = pool;
    this.epoch = epoch;
    this.forgottenUpTo = forgottenUpTo;
    this.upTo = Math.max(after, upTo);
    this.atEnd = atEnd;
    for (const { stream, position, globalPosition } of places) {
      this.pokes.push(pool.acquire().set(stream, position, globalPosition, 0));
    }
  }

  release(): void {
    for (const poke of this.pokes) this.#pool.release(poke);
    this.pokes.length = 0;
  }
}
