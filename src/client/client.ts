import type { RetryBounds } from './back-off.ts';
import {
  type Appended,
  type AppendOptions,
  append,
  type Message,
  type NewMessage,
  type ReadOptions,
  read,
} from './messages.ts';
import { type Selection, selectorsOf } from './selection.ts';
import { type Handlers, type SubscribeOptions, Subscription } from './subscription.ts';
import { Transport, type TransportOptions } from './transport.ts';

export { ClientError } from './client-error.ts';
export type { Poke } from './completeness.ts';
export type { Appended, AppendOptions, CallOptions, Message, NewMessage, ReadOptions } from './messages.ts';
export type { Selection, Selectors } from './selection.ts';
export type { Reset, State } from './state.ts';
export type { Ticket, Token } from './transport.ts';
export type { Handlers, RetryBounds, SubscribeOptions, Subscription };

/** How to reach the server. */
export type ConnectOptions = TransportOptions & {
  /** Bounds of the waits between tries. */
  readonly retry?: RetryBounds | undefined;
};

/** A server, by its address: `http://localhost:8080`, or a path such as `/pokewire` of the page's own origin. Nothing is sent yet. */
export function connect(url: string, options: ConnectOptions = {}): Pokewire {
  return new Pokewire(url, options);
}

/** What can be asked of a server. */
export class Pokewire {
  readonly #transport: Transport;
  readonly #retry: RetryBounds | undefined;

  constructor(url: string, options: ConnectOptions) {
    this.#transport = new Transport(url, options);
    this.#retry = options.retry;
  }

  /**
   * Appends one message, or an array of them whole or not at all. Faults that pass are tried again with the same ids, so that nothing
   * is stored twice. Rejects with {@link ClientError}: `STREAM_VERSION_CONFLICT` has `details: {expected, actual}`.
   */
  append(stream: string, messages: NewMessage | readonly NewMessage[], options: AppendOptions = {}): Promise<Appended> {
    return append(this.#transport, stream, messages, options, this.#retry);
  }

  /** Reads from `position` to the head, page by page as the loop goes on. `Data` is what the caller knows of the messages. */
  read<Data = Record<string, unknown>>(options: ReadOptions): AsyncGenerator<Message<Data>, void> {
    return read<Data>(this.#transport, options, this.#retry);
  }

  /**
   * Tells of each selected message once and in order, from `position` on, across every loss of the connection. What it begins
   * with is the whole log unless `position` or `cursor` says otherwise; `all` begins at the head.
   */
  subscribe(selection: Selection & SubscribeOptions, handlers: Handlers): Subscription {
    return new Subscription(this.#transport, selectorsOf(selection), selection, handlers, this.#retry);
  }
}
