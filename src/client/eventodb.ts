import { BackOff, pause } from './back-off.ts';
import { call } from './callback.ts';
import type { ClientError, Message, NewMessage, Poke, State } from './client.ts';
import { readConnection } from './connection.ts';
import type { StreamEvent } from './event-stream.ts';
import { type AppendOptions, newId, persist, type ReadOptions } from './messages.ts';
import { queryOf } from './selection.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** One selector; EventoDB supports no more. */
export type EventoSelection = {
  /** Where to start, inclusive: a stream position for a stream, otherwise a global position. */
  readonly position?: number | undefined;
} & (
  | { readonly stream: string; readonly category?: never; readonly all?: never }
  | {
      readonly category: string;
      readonly stream?: never;
      readonly all?: never;
      readonly consumer?: number | undefined;
      readonly size?: number | undefined;
    }
  | { readonly all: true; readonly stream?: never; readonly category?: never }
);

/**
 * State of a subscription. EventoDB proves nothing: there is no `completeUpTo`, neither a lost poke nor a replaced log
 * is noticed, and silence does not mean a lost connection. A stream or category is `connecting` until its first poke,
 * because EventoDB sends no response headers before.
 */
export type EventoState =
  | { readonly name: 'connecting' }
  | { readonly name: 'live'; readonly since: Date }
  | Extract<State, { readonly name: 'away' | 'ended' }>;

export type EventoHandlers = {
  readonly onPoke?: ((poke: Poke) => void) | undefined;
  readonly onState?: ((state: EventoState) => void) | undefined;
};

type Row = readonly unknown[];

/** EventoDB sends no heartbeats, so silence is not a reason to reconnect. */
const silenceMs = 2 ** 31 - 1;

/** Creates a client for an EventoDB at this address, with the same methods but fewer guarantees. */
export function connectEventoDb(url: string, options: TransportOptions = {}): EventoDb {
  return new EventoDb(url, options);
}

/** A client of an EventoDB server. */
export class EventoDb {
  readonly #transport: Transport;

  constructor(url: string, options: TransportOptions) {
    this.#transport = new Transport(url, options);
  }

  /** Appends one message. Retried only if `retryForMs` is set, because EventoDB may store a repeated message twice. */
  append(
    stream: string,
    { id = newId(), ...message }: NewMessage,
    { expectedVersion, ...options }: AppendOptions = {},
  ): Promise<{ readonly position: number; readonly globalPosition: number }> {
    return this.#call(['stream.write', stream, message, { id, expectedVersion }], { retryForMs: 0, ...options });
  }

  /** Reads from `position` to the head, fetching pages as the loop continues. */
  async *read<Data = Record<string, unknown>>(options: ReadOptions): AsyncGenerator<Message<Data>, void> {
    const { stream, category, position = 0, globalPosition, batchSize = 1_000, signal, retryForMs } = options;
    const {
      consumer: member,
      size,
      correlation,
    } = options as { consumer?: number; size?: number; correlation?: string };
    const consumerGroup = size === undefined ? undefined : { member, size };
    for (let next: object = { position, globalPosition }; ; ) {
      const asked = { ...next, batchSize, correlation, consumerGroup };
      const method = stream === undefined ? ['category.get', category, asked] : ['stream.get', stream, asked];
      const rows = await this.#call<Row[]>(method, { signal, retryForMs });
      const page = rows.map((row) => messageOf<Data>(stream === undefined ? row : row.toSpliced(1, 0, stream)));
      yield* page;
      // A page before the end may be short, but never empty.
      if (page.length === 0) return;
      const { position: at, globalPosition: behind } = page.at(-1)!;
      next = { position: (stream === undefined ? behind : at) + 1 };
    }
  }

  /** Delivers a poke for each message from `position` on. `all` is not replayed: messages appended while disconnected are missed. */
  subscribe(selection: EventoSelection, handlers: EventoHandlers): EventoSubscription {
    return new EventoSubscription(this.#transport, selection, handlers);
  }

  #call<T>(body: readonly unknown[], options: { signal?: AbortSignal | undefined; retryForMs?: number | undefined }) {
    const headers = { 'content-type': 'application/json' };
    return persist<T>(this.#transport, '/rpc', { method: 'POST', headers, body: JSON.stringify(body) }, options);
  }
}

/** A subscription that resumes by positions, because EventoDB's events have no ids. */
export class EventoSubscription implements Disposable {
  state: EventoState = { name: 'connecting' };
  readonly #transport: Transport;
  readonly #selection: EventoSelection;
  readonly #handlers: EventoHandlers;
  readonly #backOff: BackOff;
  readonly #closing = new AbortController();
  #next: number | undefined;
  #told = 0;

  constructor(transport: Transport, selection: EventoSelection, handlers: EventoHandlers) {
    this.#transport = transport;
    this.#selection = selection;
    this.#handlers = handlers;
    this.#backOff = new BackOff(transport.retry);
    this.#next = selection.position;
    void this.#run();
  }

  close(): void {
    this.#end('CLOSED', undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #run(): Promise<void> {
    await undefined;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#move({ name: 'connecting' });
      const { why } = await readConnection(this.#transport, {
        path: async () => `/subscribe?${queryOf({ ...this.#selection, position: this.#next })}`,
        lastEventId: undefined,
        signal,
        silenceMs,
        onOpen: () => this.#move({ name: 'live', since: new Date() }),
        onEvent: (event) => this.#take(event),
      });
      if (signal.aborted) return;
      if (why.status >= 400 && !why.passes && !(why.isCredential && this.#transport.renew())) {
        this.#end(why.code, why);
        return;
      }
      const waitMs = this.#backOff.next(why.retryAfterMs);
      this.#move({ name: 'away', nextTryAt: new Date(Date.now() + waitMs), why });
      await pause(waitMs, signal);
    }
  }

  #take({ type, data }: StreamEvent): void {
    if (type !== 'poke') return;
    const poke = JSON.parse(data) as Poke;
    if (poke.globalPosition <= this.#told) return;
    this.#told = poke.globalPosition;
    this.#next = (this.#selection.stream === undefined ? poke.globalPosition : poke.position) + 1;
    this.#backOff.succeeded();
    call(this.#handlers.onPoke, poke);
  }

  #end(code: string, why: ClientError | undefined): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#move({ name: 'ended', code, why });
  }

  #move(state: EventoState): void {
    this.state = state;
    call(this.#handlers.onState, state);
  }
}

function messageOf<Data>(row: Row): Message<Data> {
  const [id, stream, type, position, globalPosition, data, metadata, time] = row;
  return { id, stream, type, position, globalPosition, data, metadata, time } as Message<Data>;
}
