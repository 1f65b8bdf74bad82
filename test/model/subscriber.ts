import type { Selection } from '../../src/message/selection.ts';
import type { SseClient } from '../support/sse-client.ts';
import type { LogBook } from './log-book.ts';
import type { Start } from './start.ts';

/** A subscriber's options. */
export type Wish = {
  readonly namespace: string;
  readonly selection: Selection;
  readonly position: number;
  /** Last event id of its first connection, without a log. */
  readonly lastEventId: number | undefined;
  readonly hello: boolean;
  /** `heartbeat=head`. */
  readonly heads: boolean;
  readonly conflated: boolean;
  /** Whether it names its cursor's log when it reconnects; it learns the log from a hello. */
  readonly givesEpoch: boolean;
};

/** Why a server may end a connection. */
export type EndCode = 'draining' | 'namespace-deleted' | 'revoked' | 'log-replaced';

/** Codes sent to every subscriber; all others only to those that asked for a hello. */
export const toldToAll: readonly EndCode[] = ['namespace-deleted', 'revoked', 'log-replaced'];

/** Known facts about a connection from its start. */
export type Facts = {
  readonly client: SseClient;
  readonly wish: Wish;
  readonly start: Start;
  readonly log: LogBook;
  /** When its request was sent and when its ready comment arrived, on the model's clock. */
  readonly askedAt: number;
  readonly readyAt: number;
  /** Undefined: it used the namespace's own token. */
  readonly tokenId: string | undefined;
  /** The request, for reports. */
  readonly asked: string;
};

/** One connection of a subscriber. */
export class ModelConnection {
  readonly facts: Facts;
  readonly client: SseClient;
  /** Why the server may end it. */
  readonly mayEnd = new Set<EndCode>();
  /** Whether the subscriber dropped it. */
  isCut = false;
  isPaused = false;
  /** Whether its socket may have been full. */
  wasPaused = false;
  /** Whether it must receive the whole log, and the reason, before its end. */
  isOwedAll = false;

  constructor(facts: Facts) {
    this.facts = facts;
    this.client = facts.client;
  }

  /** Whether neither side has ended it, as far as known. */
  get isOpen(): boolean {
    return !this.client.isClosed && !this.isCut;
  }

  pause(): void {
    this.isPaused = true;
    this.wasPaused = true;
    this.client.pause();
  }

  readOn(): void {
    this.isPaused = false;
    this.client.resume();
  }

  /** Reads this many more bytes and resets it. */
  cut(bytes: number): void {
    this.isCut = true;
    this.readOn();
    this.client.cutAfter(bytes);
  }
}

/** The cursor of a reconnecting subscriber; undefined: it has none. */
export type LastCursor = { readonly id: string | undefined; readonly log: LogBook | undefined };

/** A subscriber like an `EventSource`: when its connection ends, it reconnects with its last event id. */
export class Subscriber {
  readonly wish: Wish;
  readonly connections: ModelConnection[] = [];

  constructor(wish: Wish) {
    this.wish = wish;
  }

  /** The latest connection, which always exists. */
  get connection(): ModelConnection {
    return this.connections.at(-1)!;
  }

  /** The id it would resume after, and the log it came from. */
  get last(): LastCursor {
    // An id is kept across connections until another arrives.
    for (const { client, facts } of this.connections.toReversed()) {
      const { lastEventId } = client.parser;
      if (lastEventId !== '') return { id: lastEventId, log: facts.log };
    }
    return { id: this.wish.lastEventId?.toString(), log: undefined };
  }

  /** The log of the last hello; undefined: there was none, or it does not use it. */
  get epoch(): string | undefined {
    if (!this.wish.givesEpoch) return undefined;
    const hellos = this.connections.flatMap(({ client }) => client.events.filter(({ type }) => type === 'hello'));
    const last = hellos.at(-1);
    return last === undefined ? undefined : JSON.parse(last.data).epoch;
  }
}
