import { describe } from 'vitest';
import type { Message, NewMessage } from '../../src/message/message.ts';
import type { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import type { ObjectPool } from '../../src/pool/object-pool.ts';
import type { LogFilter, MessageStore, StreamStart } from '../../src/store/message-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { describeAppends } from './appends.ts';
import { describeDrops } from './drops.ts';
import { describeExtents } from './extents.ts';
import { describeImports } from './imports.ts';
import { describeLists } from './lists.ts';
import { describePokes } from './pokes.ts';
import { describeReads } from './reads.ts';
import { describeRepeatedAppends } from './repeated-appends.ts';
import { describeWatching } from './watching.ts';

/** Opens a fresh, empty store. */
export type OpenStore = (options: StoreOptions) => Promise<MessageStore>;

/** Opens an empty store for one test; see {@link OpenedStore}. */
export type Open = (options?: { readonly maxBytes?: number }) => Promise<OpenedStore>;

/** Everything that `src/store/message-store.ts` promises. Every store runs it. */
export function describeStore(name: string, openStore: OpenStore): void {
  const open: Open = async ({ maxBytes = 0 } = {}) => {
    const pool = pokePool();
    return new OpenedStore(await openStore({ pokes: pool, maxBytes }), pool);
  };
  describe(name, () => {
    describeAppends(open);
    describeRepeatedAppends(open);
    describeReads(open);
    describePokes(open);
    describeLists(open);
    describeWatching(open);
    describeImports(open);
    describeDrops(open);
    describeExtents(open);
  });
}

export const namespace = 'default';

/** A store with shorter ways to ask it, in the namespace `default`. Its end is an error when pokes were not given back. */
export class OpenedStore implements AsyncDisposable {
  readonly store: MessageStore;
  readonly pool: ObjectPool<Poke>;

  constructor(store: MessageStore, pool: ObjectPool<Poke>) {
    this.store = store;
    this.pool = pool;
  }

  /** Appends messages, or so many of them; returns their last global position. */
  async append(stream: string, messages: readonly NewMessage[] | number = 1, inNamespace = namespace): Promise<number> {
    const given = typeof messages === 'number' ? newMessages(messages) : messages;
    const outcome = await this.store.append(inNamespace, stream, given, undefined);
    if (outcome.outcome !== 'appended') throw new Error(`the append ended in ${JSON.stringify(outcome)}`);
    return outcome.globalPosition;
  }

  /** All messages of a stream, read by pages of this limit. */
  async stream(stream: string, from: StreamStart = { position: 0 }, limit = 1_000): Promise<Message[]> {
    const messages: Message[] = [];
    for (let start: StreamStart | undefined = from; start !== undefined; ) {
      const page = await this.store.readStream(namespace, stream, start, limit);
      messages.push(...page.messages);
      if (page.next === null) break;
      start = 'position' in start ? { position: page.next } : { globalPosition: page.next };
    }
    return messages;
  }

  /** All messages of the log, or those the filter keeps, read by pages of this limit. */
  async log(filter: Partial<LogFilter> = {}, from = 0, limit = 1_000): Promise<Message[]> {
    const messages: Message[] = [];
    for (let start: number | null = from; start !== null; ) {
      const page = await this.store.readLog(namespace, { ...everyMessage, ...filter }, start, limit);
      messages.push(...page.messages);
      start = page.next;
    }
    return messages;
  }

  /** All pokes of a selection behind a global position, as text `stream/position@globalPosition`, read by pages of this limit. */
  async pokes(selection: Selection, after = 0, limit = 1_000): Promise<string[]> {
    const pokes: string[] = [];
    for (let at = after; ; ) {
      const page = await this.store.readPokes(namespace, selection, at, limit);
      pokes.push(...page.pokes.map(textOf));
      page.release();
      if (page.atEnd) return pokes;
      if (page.upTo <= at) throw new Error('a page that is not at the end did not go on');
      at = page.upTo;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    const { leased } = this.pool.stats;
    if (leased !== 0) throw new Error(`${leased} pokes were not given back`);
  }
}

const everyMessage: LogFilter = { category: undefined, group: undefined, correlation: undefined };

/** `stream/position@globalPosition`. */
export function textOf({ stream, position, globalPosition }: Poke): string {
  return `${stream.text}/${position}@${globalPosition}`;
}
