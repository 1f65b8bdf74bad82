import { BackOff, pause, type RetryBounds } from './back-off.ts';
import { call } from './callback.ts';
import { ClientError } from './client-error.ts';
import { readConnection } from './connection.ts';
import type { ConsumeOptions, Handler, Work, Worker } from './consume.ts';
import type {
  ConsumeGroupOptions,
  GroupHandler,
  GroupWork,
  GroupWorker,
  LeaveOptions,
} from './groups/consume-group.ts';
import { Live, type LiveOptions } from './live.ts';
import {
  type Appended,
  type AppendOptions,
  append,
  type CallOptions,
  type Message,
  type NewMessage,
  persist,
  type ReadOptions,
  read,
  readPage,
} from './messages.ts';
import { type Selection, selectorsOf } from './selection.ts';
import type { Open, Share, Subscribed } from './share.ts';
import { type Handlers, type SubscribeOptions, Subscription } from './subscription.ts';
import { Transport, type TransportOptions } from './transport.ts';

export { type Checkpoint, type CheckpointStore, memoryCheckpoint } from './checkpoint.ts';
export type { Poke } from './completeness.ts';
export type { ConsumeOptions, Delivery, Handler, Work, Worker } from './consume.ts';
export type {
  ConsumeGroupOptions,
  GroupDelivery,
  GroupHandler,
  GroupPartition,
  GroupState,
  GroupWork,
  GroupWorker,
  LeaveOptions,
} from './groups/consume-group.ts';
export type { Live, LiveOptions } from './live.ts';
export type { Appended, AppendOptions, CallOptions, Message, NewMessage, ReadOptions } from './messages.ts';
export type { Selection, Selectors } from './selection.ts';
export type { Reset, State } from './state.ts';
export type { Ticket, Token } from './transport.ts';
export type { Handlers, RetryBounds, Share, Subscribed, SubscribeOptions };
export { ClientError };

/** How to reach the server. */
export type ConnectOptions = TransportOptions & {
  /** `acrossTabs(name)` of pokewire/client/tabs: one connection for all tabs. */
  readonly share?: Share | undefined;
};

/** A server, by its address: `http://localhost:8080`, or a path such as `/pokewire` of the page's own origin. Nothing is sent yet. */
export function connect(url: string, options: ConnectOptions = {}): Pokewire {
  return new Pokewire(url, options);
}

/** A client of one server. */
export class Pokewire {
  readonly #transport: Transport;
  readonly #share: Share | undefined;

  constructor(url: string, options: ConnectOptions) {
    this.#transport = new Transport(url, options);
    this.#share = options.share;
  }

  /**
   * Appends one message, or an array of them whole or not at all. Faults that pass are tried again with the same ids, so that nothing
   * is stored twice. Rejects with {@link ClientError}: `STREAM_VERSION_CONFLICT` has `details: {expected, actual}`.
   */
  append(stream: string, messages: NewMessage | readonly NewMessage[], options: AppendOptions = {}): Promise<Appended> {
    return append(this.#transport, stream, messages, options);
  }

  /** Reads from `position` to the head, page by page as the loop goes on. `Data` is what the caller knows of the messages. */
  read<Data = Record<string, unknown>>(options: ReadOptions): AsyncGenerator<Message<Data>, void> {
    return read<Data>(this.#transport, options);
  }

  /**
   * Delivers a poke for each selected message once and in order, across reconnections. It begins with the whole log unless
   * `position` or `cursor` says otherwise; `all` begins at the head.
   */
  subscribe(selection: Selection & SubscribeOptions, handlers: Handlers): Subscribed {
    const open: Open = (...given) => new Subscription(this.#transport, ...given);
    const selectors = selectorsOf(selection);
    return this.#share?.(open, selectors, selection, handlers) ?? open(selectors, selection, handlers);
  }

  /** Any other GET of the protocol, such as `/streams/account-1/messages/last`: resolves to its JSON. */
  get<T>(path: string, options: CallOptions = {}): Promise<T> {
    return persist<T>(this.#transport, path, {}, options);
  }

  /**
   * Keeps a value up to date: `fetch` is called when the subscription has begun and after pokes, never twice at a time; a burst of
   * pokes is answered by one more call. A fetch that rejects is tried again.
   */
  live<T>(
    selection: Selection,
    fetch: (signal: AbortSignal) => Promise<T> | T,
    onValue: (value: T) => void,
    options: LiveOptions = {},
  ): Live<T> {
    const { heartbeatMs } = options;
    const subscribe = (handlers: Handlers) => this.subscribe({ ...selection, position: 'head', heartbeatMs }, handlers);
    return new Live(subscribe, fetch, onValue, options, this.#transport.retry);
  }

  /**
   * Handles each message in the order of the log, at least once: one whose handler rejects is given again, with growing waits.
   * The code of workers is loaded with the first one.
   */
  consume<Data = Record<string, unknown>>(work: Work, handler: Handler<Data>, options: ConsumeOptions): Worker;
  /**
   * Handles what is assigned to this member of a group: each stream in order, at least once, by one member at a time, from a checkpoint that
   * the server keeps. Members may come and go.
   */
  consume<Data = Record<string, unknown>>(
    work: GroupWork,
    handler: GroupHandler<Data>,
    options?: ConsumeGroupOptions,
  ): GroupWorker;
  consume<Data>(
    work: Work | GroupWork,
    handler: Handler<Data> | GroupHandler<Data>,
    options?: ConsumeOptions | ConsumeGroupOptions,
  ): Worker {
    const stopping = new AbortController();
    const loaded = import('./worker-of.ts').then(({ workerOf }) => {
      const source = {
        transport: this.#transport,
        read: readPage,
        connect: readConnection,
        BackOff,
        call,
        pause,
        ClientError,
        client: this,
      };
      return workerOf<Data>(source, work, handler, options, stopping.signal);
    });
    const done = loaded.then((worker) => worker.run());
    const stop = (leave?: LeaveOptions) => {
      stopping.abort(leave);
      return done;
    };
    return {
      done,
      stop,
      retryParked: (stream) => loaded.then((worker) => worker.retryParked(stream)),
      [Symbol.asyncDispose]: stop,
    };
  }
}
