import type { Message, NewMessage } from '../../message/message.ts';
import type { Poke } from '../../message/poke.ts';
import { everything, type Selection, selects } from '../../message/selection.ts';
import { ownTurn } from '../../message/turns.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type {
  Announced,
  AppendOutcome,
  CategorySummary,
  ImportOutcome,
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
import type { Repeats } from '../shared/import-batch.ts';
import { logGone } from '../shared/log-gone.ts';
import { maxListEntries, maxPageBytes, maxPagePokes } from '../shared/page-limits.ts';
import { fromLastRow } from './last-row.ts';
import { eraseFrom, keptOf } from './memory-forgetting.ts';
import { MemoryImport } from './memory-import.ts';
import type { MemoryLog } from './memory-log.ts';
import { everythingOf, MemoryPokePage, matches, PageBuilder } from './memory-page.ts';
import type { MemoryStorage } from './memory-storage.ts';
import { rowsOf, walkSelected } from './selected-rows.ts';

/**
 * Maximum number of rows that a read examines before it returns a page, so that a filter with few matches does not block other work.
 */
const maxRowsLookedAt = 8_192;

const never = () => {};

/** Registers a function to call when the store closes; returns a function that calls it earlier. */
export type Hold = (end: () => void) => () => void;

/** One store's view of a log in memory. */
export class MemoryLogHandle implements Log {
  readonly id: LogId;
  readonly #storage: MemoryStorage;
  readonly #pokes: ObjectPool<Poke>;
  readonly #hold: Hold;

  constructor(storage: MemoryStorage, pokes: ObjectPool<Poke>, hold: Hold, id: LogId) {
    this.id = id;
    this.#storage = storage;
    this.#pokes = pokes;
    this.#hold = hold;
  }

  async append(
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome> {
    const log = this.#found;
    if (log === undefined) return { outcome: 'gone' };
    const refusal = log.refusal(stream, messages, expectedVersion);
    if (refusal !== undefined) return refusal;
    const known = log.stream(stream);
    const full = this.#storage.takeOrForget(log, messages, known === undefined ? [stream] : []);
    if (full !== undefined) return full;
    const opened = known ?? log.openStream(stream);
    const nowMs = Date.now();
    const { head } = log;
    const { length } = log.everyRow;
    let lastRow = -1;
    for (const message of messages) lastRow = log.append(opened, message, nowMs);
    this.#announce(log, head, length);
    return {
      outcome: 'appended',
      position: log.table.position(lastRow),
      globalPosition: log.table.globalPosition(lastRow),
    };
  }

  async beginImport(): Promise<ImportSession> {
    return new MemoryImport(this.#found, (messages, repeats) => this.#import(messages, repeats));
  }

  async readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage> {
    const log = this.#log;
    const found = log.stream(stream);
    if (found === undefined) return { messages: [], epoch: log.id, next: null };
    const { rows } = found;
    const byPosition = 'position' in from;
    const start = byPosition ? log.indexOf(found, from.position) : log.indexAt(rows, from.globalPosition);
    const page = new PageBuilder(log, limit);
    let index = start;
    while (index < rows.length && page.add(rows.at(index)!)) index++;
    if (index >= rows.length) return page.end(null);
    const { table } = log;
    return page.end(byPosition ? table.position(rows.at(index)!) : table.globalPosition(rows.at(index)!));
  }

  async readLast(stream: string, type: string | undefined): Promise<Message | undefined> {
    const log = this.#log;
    const isWanted = (row: number) => type === undefined || log.table.type(row) === type;
    const range = { after: 0, upTo: log.head };
    return fromLastRow(log, log.streamRows(stream), range, (row) => (isWanted(row) ? log.message(row) : undefined));
  }

  async read(filter: LogFilter, from: number, limit: number): Promise<MessagePage> {
    const log = this.#log;
    const page = new PageBuilder(log, limit);
    const walk = walkSelected(log, everythingOf(filter.category), from - 1);
    // Parsing metadata for its correlation costs more than looking at a row.
    const mostRows = filter.correlation === undefined ? maxRowsLookedAt : maxRowsLookedAt / 4;
    let looked = 0;
    let parsedBytes = 0;
    for (let row = walk.next(); row !== -1; row = walk.next()) {
      // Filtering by correlation parses metadata, which may be long.
      if (filter.correlation !== undefined) parsedBytes += log.table.payloadBytes(row);
      const fits = matches(log, row, filter);
      if (fits && !page.add(row)) return page.end(log.table.globalPosition(row));
      if (++looked < mostRows && parsedBytes <= maxPageBytes) continue;
      // The client requests the next page at once, and that page may match as few rows.
      await ownTurn();
      return page.end(log.table.globalPosition(row) + 1);
    }
    return page.end(null);
  }

  async pokes(selection: Selection, after: number, limit: number): Promise<PokePage> {
    const log = this.#log;
    const page = new MemoryPokePage(this.#pokes, log.boundsOf(selection), after);
    const walk = walkSelected(log, selection, after);
    const most = Math.min(limit, maxPagePokes);
    // The cost of a row grows with the number of selectors, so the product is bounded.
    const selectors = selection.streams.length + selection.categories.length;
    const mostRows = Math.max(most, Math.floor(maxRowsLookedAt / Math.max(1, selectors)));
    for (let looked = 0; looked < mostRows && page.pokes.length < most; looked++) {
      const row = walk.next();
      if (row === -1) {
        page.upTo = Math.max(after, log.head);
        page.atEnd = true;
        break;
      }
      page.upTo = log.table.globalPosition(row);
      const { name } = log.streamOfRow(row);
      if (selection.group === null || name.ownedBy(selection.group)) {
        page.pokes.push(this.#pokes.acquire().set(name, log.table.position(row), page.upTo, 0));
      }
    }
    return page;
  }

  async last(selection: Selection, after: number, upTo: number): Promise<number> {
    const log = this.#log;
    const { table } = log;
    const look = (row: number) =>
      selects(selection, log.streamOfRow(row).name, table.position(row)) ? table.globalPosition(row) : undefined;
    const lists = selection.all ? [log.everyRow] : rowsOf(log, selection);
    let last = after;
    for (const rows of lists) last = (await fromLastRow(log, rows, { after: last, upTo }, look)) ?? last;
    return last;
  }

  async bounds(selection = everything): Promise<LogBounds> {
    return this.#log.boundsOf(selection);
  }

  async version(stream: string): Promise<number> {
    return this.#log.version(stream);
  }

  async describeStream(stream: string): Promise<StreamSummary | undefined> {
    return this.#log.describe(stream);
  }

  async listStreams(prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]> {
    return this.#log.listStreams(prefix, after, Math.min(limit, maxListEntries));
  }

  async listCategories(after: string | undefined, limit: number): Promise<CategorySummary[]> {
    return this.#log.listCategories(after, Math.min(limit, maxListEntries));
  }

  kept(rule: RetentionRule, nowMs: number): Promise<Kept> {
    return keptOf(() => this.#log, rule, nowMs);
  }

  erase(stream: string, position: number | undefined): Promise<number> {
    return eraseFrom(this.#storage.budget, () => this.#log, stream, position);
  }

  follow(announced: Announced): () => void {
    const log = this.#found;
    if (log === undefined) return never;
    const follower: Announced = (announcement) => announced(announcement);
    log.followers.add(follower);
    return this.#hold(() => log.followers.delete(follower));
  }

  // Looked up on each call, so that a handle does not keep a deleted log in memory.
  get #found(): MemoryLog | undefined {
    return this.#storage.logs.get(this.id);
  }

  get #log(): MemoryLog {
    const found = this.#found;
    if (found === undefined) throw logGone();
    return found;
  }

  #import(messages: readonly Message[], repeats: Repeats): ImportOutcome {
    const log = this.#found;
    if (log === undefined) return { outcome: 'gone' };
    const { head, importsBelowHead } = log.bounds;
    const outcome = this.#storage.insert(log, messages, repeats);
    if (outcome.outcome !== 'imported') return outcome;
    if (log.head > head) this.#announce(log, head, log.indexAt(log.everyRow, head + 1));
    if (log.bounds.importsBelowHead > importsBelowHead) for (const announced of log.followers) announced('wake-up');
    return outcome;
  }

  /** Announces all messages from an index of the rows to the end. */
  #announce(log: MemoryLog, after: number, first: number): void {
    if (log.followers.size === 0) return;
    const nowMs = performance.now();
    const page = new MemoryPokePage(this.#pokes, log.bounds, log.head);
    for (let index = first; index < log.everyRow.length; index++) {
      const row = log.everyRow.at(index)!;
      const { name } = log.streamOfRow(row);
      page.pokes.push(this.#pokes.acquire().set(name, log.table.position(row), log.table.globalPosition(row), nowMs));
    }
    const pushed = { epoch: log.id, after, upTo: log.head, pokes: page.pokes };
    for (const announced of log.followers) announced(pushed);
    page.release();
  }
}
