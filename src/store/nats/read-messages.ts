import type { Message } from '../../message/message.ts';
import { StreamName } from '../../message/stream-name.ts';
import type { LogFilter, MessagePage, StreamStart } from '../log.ts';
import { correlationOf } from '../shared/correlation.ts';
import { maxPageBytes, maxPageMessages } from '../shared/page-limits.ts';
import { readKnown } from './direct-read.ts';
import type { LogStream } from './log-stream.ts';
import { messageHeaders, readMessage, type Stored } from './stored-message.ts';
import { seqOfPosition, walkBack } from './stream-walk.ts';

/** Maximum number of messages examined in one call, so that a filter with few matches does not block other reads. */
const maxLookedAt = 8_192;
/** Messages per request. Those beyond a page's byte limit are discarded. */
const perRead = 512;
const maxLookedBack = 1_000_000;

/** Messages of a stream from a position or global position on. */
export async function readStreamPage(
  log: LogStream,
  stream: string,
  from: StreamStart,
  limit: number,
): Promise<MessagePage> {
  const subject = log.names.subject(stream);
  const byPosition = 'position' in from;
  const [first, last] = await Promise.all([
    byPosition ? seqOfPosition(log, stream, from.position) : from.globalPosition,
    log.lastOf(subject),
  ]);
  const page = new PageBuilder(log, limit, (message) => (byPosition ? message.position : message.globalPosition));
  if (first === undefined || last === undefined) return page.end(null);
  return page.fill(subject, Math.max(1, first), last.seq, () => true);
}

/** Messages of the log from a global position on; the filter applies before the limit. */
export async function readLogPage(
  log: LogStream,
  { category, group, correlation }: LogFilter,
  from: number,
  limit: number,
): Promise<MessagePage> {
  const filter = category === undefined ? log.names.everything : log.names.category(category);
  const last = await log.lastOf(filter);
  const page = new PageBuilder(log, limit, ({ globalPosition }) => globalPosition);
  if (last === undefined) return page.end(null);
  return page.fill(filter, Math.max(1, from), last.seq, ({ stream, metadata }) => {
    if (group !== undefined && !new StreamName(stream).ownedBy(group)) return false;
    return correlation === undefined || correlationOf(metadata) === correlation;
  });
}

/** The stream's last message, or its last message of a type. */
export async function readLastMessage(
  log: LogStream,
  stream: string,
  type: string | undefined,
): Promise<Message | undefined> {
  if (type === undefined) {
    const last = await log.lastOf(log.names.subject(stream));
    return last && readMessage(last, stream);
  }
  let found: number | undefined;
  await walkBack(log, stream, maxLookedBack, ({ seq, headers }) => {
    if (decodeURIComponent(headers.get(messageHeaders.type)) === type) found = seq;
    return found === undefined;
  });
  const stored = found === undefined ? undefined : await log.at(found);
  return stored && readMessage(stored, stream);
}

/** Collects messages until the page is full by count or bytes. */
class PageBuilder {
  readonly #log: LogStream;
  readonly #most: number;
  readonly #startOf: (message: Message) => number;
  readonly #messages: Message[] = [];
  #bytes = 0;

  /** `startOf` returns the start of a read whose first message is this one. */
  constructor(log: LogStream, limit: number, startOf: (message: Message) => number) {
    this.#log = log;
    this.#most = Math.min(limit, maxPageMessages);
    this.#startOf = startOf;
  }

  /**
   * Reads messages that match a filter from a sequence number to the end; `known`: the last matching message on the
   * leader.
   */
  async fill(
    filter: string,
    seq: number,
    known: number,
    isWanted: (message: Message) => boolean,
  ): Promise<MessagePage> {
    let next = seq;
    for (let looked = 0; looked < maxLookedAt; ) {
      if (next > known) return this.end(null);
      const count = Math.min(perRead, this.#most + 1);
      const { messages, isEnd } = await readKnown(this.#log, filter, next, count, maxPageBytes, known);
      for (const stored of messages) {
        const message = this.#read(stored);
        if (isWanted(message) && !this.#add(message)) return this.end(this.#startOf(message));
        next = stored.seq + 1;
      }
      looked += messages.length;
      if (isEnd) return this.end(null);
    }
    // Only reads by global position examine messages they do not return.
    return this.end(next);
  }

  end(next: number | null): MessagePage {
    return { messages: this.#messages, epoch: this.#log.id, next };
  }

  #read(stored: Stored): Message {
    return readMessage(stored, this.#log.names.streamOf(stored.subject));
  }

  #add(message: Message): boolean {
    const bytes = Buffer.byteLength(message.data) + Buffer.byteLength(message.metadata ?? '');
    const isFull = this.#bytes + bytes > maxPageBytes && this.#messages.length > 0;
    if (isFull || this.#messages.length === this.#most) return false;
    this.#bytes += bytes;
    this.#messages.push(message);
    return true;
  }
}
