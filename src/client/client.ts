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

/** Options of a connection to a server. */
export type ConnectOptions = TransportOptions & {
  /** `acrossTabs(name)` of pokewire/client/tabs: one connection for all tabs. */
  readonly share?: Share | undefined;
};

/**
 * Creates a client for a server by address: `http://localhost:8080`, or a path such as `/pokewire` on the page's own
 * origin. Sends nothing yet.
 */
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
   * Appends one message, or an array of messages atomically. Retries transient failures with the same ids, so nothing
   * is stored twice. Rejects with {@link ClientError}: `STREAM_VERSION_CONFLICT` has `details: {expected, actual}`.
   */
  append(stream: string, messages: NewMessage | readonly NewMessage[], options: AppendOptions = {}): Promise<Appended> {
    return append(this.#transport, stream, messages, options);
  }

  /** Reads from `position` to the head, fetching pages as the loop continues. `Data`: type of the messages' data. */
  read<Data = Record<string, unknown>>(options: ReadOptions): AsyncGenerator<Message<Data>, void> {
    return read<Data>(this.#transport, options);
  }

  /**
   * Delivers one poke for each selected message, once and in order, across reconnections. Starts with the whole log
   * unless `position` or `cursor` is given; `all` starts at the head.
   */
  subscribe(selection: Selection & SubscribeOptions, handlers: Handlers): Subscribed {
    const open: Open = (...given) => new Subscription(this.#transport, ...given);
    const selectors = selectorsOf(selection);
    return this.#share?.(open, selectors, selection, handlers) ?? open(selectors, selection, handlers);
  }

  /** Sends any other GET of the protocol, such as `/streams/account-1/messages/last`. Resolves to its JSON. */
  get<T>(path: string, options: CallOptions = {}): Promise<T> {
    return persist<T>(this.#transport, path, {}, options);
  }

  /**
   * Keeps a value up to date: calls `fetch` when the subscription has started and after pokes, one call at a time. A
   * burst of pokes causes one more call. Retries a fetch that rejects.
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
   * Handles each message at least once, in log order. A message whose handler rejects is delivered again, with growing
   * delays. Loads the code of workers on first use.
   */
  consume<Data = Record<string, unknown>>(work: Work, handler: Handler<Data>, options: ConsumeOptions): Worker;
  /**
   * Handles the messages assigned to this member of a group, at least once: each stream in order and by one member at a
   * time, from a checkpoint on the server. Members can join and leave.
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
