import type { Message, NewMessage } from '../../message/message.ts';
import type { Poke } from '../../message/poke.ts';
import { type Selection, selects } from '../../message/selection.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type {
  Announced,
  AppendOutcome,
  CategorySummary,
  CommitOutcome,
  DroppedLog,
  ImportOutcome,
  ImportSession,
  LastMessage,
  LogExtent,
  LogFilter,
  LogSummary,
  MessagePage,
  MessageStore,
  PokePage,
  Replaced,
  StoreUsage,
  StreamStart,
  StreamSummary,
} from '../message-store.ts';
import { ByteBudget } from './byte-budget.ts';
import { fromLastRow } from './last-row.ts';
import { type ImportHost, importRefusal, MemoryImport } from './memory-import.ts';
import { MemoryLog } from './memory-log.ts';
import { everythingOf, MemoryPokePage, matches, maxPageBytes, PageBuilder } from './memory-page.ts';
import { firstNotBefore } from './row-list.ts';

/** A read looks at this many rows at most before it returns what it has, so that a filter that matches little blocks nobody. */
const maxRowsLookedAt = 8_192;

/** Dropped namespaces that are remembered. Nothing that was under way when one was dropped outlasts so many more. */
const maxDropped = 100_000;

export type MemoryStoreOptions = {
  readonly pokes: ObjectPool<Poke>;
  /** Appends beyond this many bytes are refused. 0: no limit. */
  readonly maxBytes: number;
};

/** Keeps everything in memory, gone with the process. A namespace exists from its first message on. */
export class MemoryStore implements MessageStore, ImportHost {
  readonly #pokes: ObjectPool<Poke>;
  readonly #budget: ByteBudget;
  readonly #logs = new Map<string, MemoryLog>();
  // With their heads, so that an import or append under way, however long, does not bring a log back.
  readonly #dropped = new Map<string, number>();
  #announced: Announced = () => {};
  #replaced: Replaced = () => {};

  constructor({ pokes, maxBytes }: MemoryStoreOptions) {
    this.#pokes = pokes;
    this.#budget = new ByteBudget(maxBytes);
  }

  async append(
    namespace: string,
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome> {
    if (this.#dropped.has(namespace)) return { outcome: 'dropped' };
    const log = this.#logOf(namespace);
    const refusal = log.refusal(stream, messages, expectedVersion);
    if (refusal !== undefined) return refusal;
    const full = this.#budget.take(log, messages, log.stream(stream) === undefined ? [stream] : []);
    if (full !== undefined) return full;
    const nowMs = Date.now();
    const firstRow = log.table.length;
    for (const message of messages) log.append(stream, message, nowMs);
    this.#announce(namespace, log, firstRow);
    const lastRow = log.table.length - 1;
    return {
      outcome: 'appended',
      position: log.table.position(lastRow),
      globalPosition: log.table.globalPosition(lastRow),
    };
  }

  async beginImport(namespace: string, { replace }: { readonly replace: boolean }): Promise<ImportSession> {
    return new MemoryImport(this, namespace, replace ? new MemoryLog() : undefined);
  }

  importBatch(namespace: string, messages: readonly Message[]): ImportOutcome {
    const log = this.#logOf(namespace);
    const { head } = log;
    const outcome = this.stageBatch(namespace, log, messages);
    if (outcome.outcome !== 'imported') return outcome;
    this.#announce(namespace, log, log.rowAt(head + 1));
    return outcome;
  }

  stageBatch(namespace: string, log: MemoryLog, messages: readonly Message[]): ImportOutcome {
    if (this.#dropped.has(namespace)) return { outcome: 'dropped' };
    const refusal = importRefusal(log, messages);
    if (refusal !== undefined) return refusal;
    const streams = new Set(messages.map(({ stream }) => stream).filter((name) => log.stream(name) === undefined));
    const full = this.#budget.take(log, messages, streams);
    if (full !== undefined) return full;
    log.insert(messages);
    return { outcome: 'imported' };
  }

  replaceLog(namespace: string, staged: MemoryLog): CommitOutcome {
    if (this.#dropped.has(namespace)) {
      this.discard(staged);
      return { outcome: 'dropped' };
    }
    const old = this.#logOf(namespace);
    const { head } = old;
    this.discard(old);
    staged.raiseHead(head);
    staged.forgottenUpTo = old.forgottenUpTo;
    this.#logs.set(namespace, staged);
    this.#replaced(namespace, staged.epoch);
    this.#announce(namespace, staged, staged.rowAt(head + 1));
    return { outcome: 'committed' };
  }

  discard(log: MemoryLog): void {
    this.#budget.release(log);
  }

  async readStream(namespace: string, stream: string, from: StreamStart, limit: number): Promise<MessagePage> {
    const log = this.#logs.get(namespace);
    const found = log?.stream(stream);
    if (log === undefined || found === undefined) return { messages: [], next: null };
    const { rows } = found;
    const byPosition = 'position' in from;
    const start = byPosition ? log.indexOf(found, from.position) : firstNotBefore(rows, log.rowAt(from.globalPosition));
    const page = new PageBuilder(log, limit);
    let index = start;
    while (index < rows.length && page.add(rows.at(index)!)) index++;
    if (index >= rows.length) return { messages: page.messages, next: null };
    const { table } = log;
    const next = byPosition ? table.position(rows.at(index)!) : table.globalPosition(rows.at(index)!);
    return { messages: page.messages, next };
  }

  async readLast(namespace: string, stream: string, type: string | undefined): Promise<Message | undefined> {
    const log = this.#logs.get(namespace);
    if (log === undefined) return undefined;
    const isWanted = (row: number) => type === undefined || log.table.type(row) === type;
    return fromLastRow(log, log.streamRows(stream), 0, (row) => (isWanted(row) ? log.message(row) : undefined));
  }

  async readLog(namespace: string, filter: LogFilter, from: number, limit: number): Promise<MessagePage> {
    const log = this.#logs.get(namespace);
    if (log === undefined) return { messages: [], next: null };
    const page = new PageBuilder(log, limit);
    const walk = log.walk(everythingOf(filter.category), from - 1);
    let looked = 0;
    let parsedBytes = 0;
    for (let row = walk.next(); row !== -1; row = walk.next()) {
      // A correlation has metadata parsed, which may be long.
      if (filter.correlation !== undefined) parsedBytes += log.table.payloadBytes(row);
      const fits = matches(log, row, filter);
      if (looked++ === maxRowsLookedAt || (fits && !page.add(row))) {
        return { messages: page.messages, next: log.table.globalPosition(row) };
      }
      if (parsedBytes > maxPageBytes) return { messages: page.messages, next: log.table.globalPosition(row) + 1 };
    }
    return { messages: page.messages, next: null };
  }

  async readPokes(namespace: string, selection: Selection, after: number, limit: number): Promise<PokePage> {
    const log = this.#logOf(namespace);
    const page = new MemoryPokePage(this.#pokes, log.epoch, after);
    const walk = log.walk(selection, after);
    // Each row costs a look at every selector, so it is those that are bounded.
    const selectors = selection.streams.length + selection.categories.length;
    const mostRows = Math.max(limit, Math.floor(maxRowsLookedAt / Math.max(1, selectors)));
    for (let looked = 0; looked < mostRows && page.pokes.length < limit; looked++) {
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

  async describeLog(namespace: string): Promise<LogSummary> {
    const log = this.#logs.get(namespace);
    if (log === undefined) return { messages: 0, streams: 0, lastActivityMs: undefined };
    const messages = log.table.length;
    const lastActivityMs = messages === 0 ? undefined : log.table.timeMs(messages - 1);
    return { messages, streams: log.streamCount, lastActivityMs };
  }

  async begin(namespace: string, after: number): Promise<void> {
    const log = this.#logOf(namespace);
    log.raiseHead(after);
    log.forgottenUpTo = after;
  }

  async drop(namespace: string): Promise<DroppedLog> {
    const droppedHead = this.#dropped.get(namespace);
    if (droppedHead !== undefined) return { messages: 0, head: droppedHead };
    const log = this.#logOf(namespace);
    this.#logs.delete(namespace);
    this.#dropped.set(namespace, log.head);
    const [oldest] = this.#dropped.keys();
    if (this.#dropped.size > maxDropped) this.#dropped.delete(oldest!);
    this.discard(log);
    return { messages: log.table.length, head: log.head };
  }

  async version(namespace: string, stream: string): Promise<number> {
    return this.#logs.get(namespace)?.version(stream) ?? -1;
  }

  async extent(namespace: string): Promise<LogExtent> {
    const { epoch, head, forgottenUpTo } = this.#logOf(namespace);
    return { epoch, head, forgottenUpTo };
  }

  async lastOf(namespace: string, selection: Selection, after: number): Promise<LastMessage> {
    const log = this.#logOf(namespace);
    const { table, epoch } = log;
    if (selection.all) {
      return {
        epoch,
        globalPosition: Math.max(after, table.length === 0 ? 0 : table.globalPosition(table.length - 1)),
      };
    }
    const look = (row: number) =>
      selects(selection, log.streamOfRow(row).name, table.position(row)) ? table.globalPosition(row) : undefined;
    let last = after;
    for (const rows of log.rowsOf(selection)) last = (await fromLastRow(log, rows, last, look)) ?? last;
    return { epoch, globalPosition: last };
  }

  async describeStream(namespace: string, stream: string): Promise<StreamSummary | undefined> {
    return this.#logs.get(namespace)?.describe(stream);
  }

  async listStreams(
    namespace: string,
    prefix: string,
    after: string | undefined,
    limit: number,
  ): Promise<StreamSummary[]> {
    return this.#logs.get(namespace)?.listStreams(prefix, after, limit) ?? [];
  }

  async listCategories(namespace: string, after: string | undefined, limit: number): Promise<CategorySummary[]> {
    return this.#logs.get(namespace)?.listCategories(after, limit) ?? [];
  }

  watch(announced: Announced, replaced: Replaced = () => {}): void {
    this.#announced = announced;
    this.#replaced = replaced;
  }

  async check(): Promise<void> {}

  async usage(): Promise<StoreUsage> {
    let messages = 0;
    let streams = 0;
    for (const log of this.#logs.values()) {
      messages += log.table.length;
      streams += log.streamCount;
    }
    const { bytes, maxBytes } = this.#budget;
    return { messages, streams, bytes, maxBytes };
  }

  async close(): Promise<void> {
    this.#logs.clear();
    this.#budget.bytes = 0;
  }

  /** The namespace's log. That of a dropped one is nobody's: what happens to it is forgotten. */
  #logOf(namespace: string): MemoryLog {
    const existing = this.#logs.get(namespace);
    if (existing !== undefined) return existing;
    const log = new MemoryLog();
    if (!this.#dropped.has(namespace)) this.#logs.set(namespace, log);
    return log;
  }

  #announce(namespace: string, log: MemoryLog, firstRow: number): void {
    const nowMs = performance.now();
    for (let row = firstRow; row < log.table.length; row++) {
      const { name } = log.streamOfRow(row);
      const poke = this.#pokes.acquire().set(name, log.table.position(row), log.table.globalPosition(row), nowMs);
      try {
        this.#announced(namespace, poke);
      } finally {
        this.#pokes.release(poke);
      }
    }
  }
}
