import type { Message, NewMessage } from '../../message/message.ts';
import { everything, type Selection } from '../../message/selection.ts';
import { refuseUnsupported } from '../capabilities.ts';
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
import type { Store } from '../store.ts';
import type { AppendTimes } from './append-times.ts';
import type { Appender } from './appender.ts';
import { lastSelected } from './last-selected.ts';
import type { LogStream } from './log-stream.ts';
import type { PokeReader } from './poke-reader.ts';
import { forgottenUpTo } from './poke-source.ts';
import { readCategories, readStreamSummary, readStreams } from './read-lists.ts';
import { readLastMessage, readLogPage, readStreamPage } from './read-messages.ts';

export type LogParts = {
  readonly store: Pick<Store, 'kind' | 'capabilities'>;
  readonly appender: Appender;
  readonly reader: PokeReader;
  readonly times: AppendTimes;
  readonly isFollowed: (log: LogId) => boolean;
  readonly follow: (log: LogStream, announced: Announced) => () => void;
};

/** A handle on the log of one stream in JetStream. */
export class NatsLog implements Log {
  readonly id: LogId;
  readonly #parts: LogParts;
  readonly #log: LogStream;

  constructor(parts: LogParts, log: LogStream) {
    this.id = log.id;
    this.#parts = parts;
    this.#log = log;
  }

  async append(
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome> {
    const { appender, times, isFollowed } = this.#parts;
    if (!isFollowed(this.id)) return appender.append(this.#log, stream, messages, expectedVersion);
    const nowMs = performance.now();
    for (const { id } of messages) times.note(id, nowMs);
    const outcome = await appender.append(this.#log, stream, messages, expectedVersion);
    if (outcome.outcome !== 'appended') for (const { id } of messages) times.take(id);
    return outcome;
  }

  async beginImport(): Promise<ImportSession> {
    return refuseUnsupported(this.#parts.store, 'imports');
  }

  readStream(stream: string, from: StreamStart, limit: number): Promise<MessagePage> {
    return readStreamPage(this.#log, stream, from, limit);
  }

  readLast(stream: string, type: string | undefined): Promise<Message | undefined> {
    return readLastMessage(this.#log, stream, type);
  }

  read(filter: LogFilter, from: number, limit: number): Promise<MessagePage> {
    return readLogPage(this.#log, filter, from, limit);
  }

  pokes(selection: Selection, after: number, limit: number): Promise<PokePage> {
    return this.#parts.reader.page(this.#log, selection, after, limit);
  }

  last(selection: Selection, after: number, upTo: number): Promise<number> {
    return lastSelected(this.#log, selection, after, upTo);
  }

  // JetStream removes the oldest messages of the log, whatever their streams.
  async bounds(_selection: Selection = everything): Promise<LogBounds> {
    const info = await this.#log.info();
    return { epoch: this.id, head: info.state.last_seq, forgottenUpTo: forgottenUpTo(info), importsBelowHead: 0 };
  }

  async version(stream: string): Promise<number> {
    return (await this.#log.lastSpot(stream)).position;
  }

  describeStream(stream: string): Promise<StreamSummary | undefined> {
    return readStreamSummary(this.#log, stream);
  }

  listStreams(prefix: string, after: string | undefined, limit: number): Promise<StreamSummary[]> {
    return readStreams(this.#log, prefix, after, limit);
  }

  listCategories(after: string | undefined, limit: number): Promise<CategorySummary[]> {
    return readCategories(this.#log, after, limit);
  }

  async kept(): Promise<Kept> {
    return refuseUnsupported(this.#parts.store, 'retention');
  }

  async erase(): Promise<number> {
    return refuseUnsupported(this.#parts.store, 'erasure');
  }

  follow(announced: Announced): () => void {
    return this.#parts.follow(this.#log, announced);
  }
}
