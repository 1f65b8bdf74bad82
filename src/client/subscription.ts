import { BackOff, pause } from './back-off.ts';
import { call } from './callback.ts';
import { ClientError } from './client-error.ts';
import { Completeness, type Poke } from './completeness.ts';
import { type ConnectionEnd, readConnection } from './connection.ts';
import type { StreamEvent } from './event-stream.ts';
import { queryOf, type Selectors } from './selection.ts';
import type { Subscribed } from './share.ts';
import type { Reset, State } from './state.ts';
import type { Transport } from './transport.ts';
import { onWakeUp } from './wake-up.ts';

/** Where a subscription begins, and how the server delivers. */
export type SubscribeOptions = {
  /** Inclusive: a stream position for a single stream, else a global position; `head`: behind the head. Default 0. */
  readonly position?: number | 'head' | undefined;
  /** In place of a position: begin behind the event with this id, or behind this global position of the log `epoch`. */
  readonly cursor?: string | undefined;
  readonly epoch?: string | undefined;
  /** What was missed by reading too slowly comes as one poke a stream. Default false. */
  readonly conflate?: boolean | undefined;
  /** Milliseconds between heartbeats, whole seconds from 1,000 to 60,000. Default 4,000. */
  readonly heartbeatMs?: number | undefined;
};

/** Callbacks of a subscription. An exception in one is reported as uncaught and does not stop the subscription. */
export type Handlers = {
  readonly onPoke?: ((poke: Poke) => void) | undefined;
  readonly onState?: ((state: State) => void) | undefined;
  /** Without it a reset ends the subscription with the code `RESET`, because pokes are missing or will come again. */
  readonly onReset?: ((reset: Reset) => void) | undefined;
};

/** Beyond the end of every log: a connection from here only reads the head from the hello. */
const nowhere = Number.MAX_SAFE_INTEGER;
/** Heartbeats that may be missing. */
const maxMissingBeats = 2.5;
/** Renewed credentials that may be refused in a row. */
const maxRefusals = 3;
/** Ends after which the next connection is made at once. Each can only follow on progress. */
const atOnce = ['RENEWING', 'HEAD_KNOWN'];

/**
 * One standing request, and the only writer of its state. It makes one attempt at a time and comes back behind the last poke
 * that was delivered, so that each is delivered once and in order.
 */
export class Subscription implements Subscribed {
  readonly #transport: Transport;
  readonly #selectors: Selectors;
  readonly #options: SubscribeOptions;
  readonly #handlers: Handlers;
  readonly #backOff: BackOff;
  readonly #completeness = new Completeness();
  readonly #closing = new AbortController();
  #state: State = { name: 'connecting' };
  #cursor: string | undefined;
  #epoch: string | undefined;
  /** Global position of the cursor; undefined: not known. */
  #position: number | undefined = undefined;
  /** Log and first cursor of this connection; taken over once the next event shows that no reset follows. */
  #hello: { readonly id: string | undefined; readonly epoch: string } | undefined = undefined;
  #refusals = 0;

  constructor(transport: Transport, selectors: Selectors, options: SubscribeOptions, handlers: Handlers) {
    this.#transport = transport;
    this.#selectors = selectors;
    this.#options = options;
    this.#handlers = handlers;
    this.#backOff = new BackOff(transport.retry);
    this.#cursor = options.cursor;
    this.#epoch = options.epoch;
    const { position = 0 } = options;
    if (this.#cursor !== undefined) this.#position = /^\d+$/.test(this.#cursor) ? Number(this.#cursor) : undefined;
    else if (position === 0 || (position !== 'head' && !this.#isStream)) this.#position = Math.max(0, position - 1);
    void this.#run();
  }

  get state(): State {
    return this.#state;
  }

  get cursor(): string | undefined {
    return this.#cursor;
  }

  get position(): number | undefined {
    return this.#position;
  }

  /** Epoch of the log, from this connection's hello; undefined before the first one. */
  get epoch(): string | undefined {
    return this.#hello?.epoch ?? this.#epoch;
  }

  close(): void {
    this.#end('CLOSED', undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #isStream(): boolean {
    const { stream, category } = this.#selectors;
    return stream?.length === 1 && category === undefined;
  }

  async #run(): Promise<void> {
    // No callback may run before the constructor has returned.
    await undefined;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#move({ name: 'connecting' });
      const { why, retryMs } = await this.#connect();
      if (signal.aborted) return;
      if (why.code === 'RENEWING') this.#transport.renew();
      if (atOnce.includes(why.code)) continue;
      if (this.#isFinal(why)) return this.#end(why.code, why);
      // Fetch a lost poke without waiting for the server's `retry:`.
      const askedMs = why.code === 'POKE_LOST' ? undefined : (why.retryAfterMs ?? retryMs);
      const waitMs = this.#backOff.next(askedMs);
      this.#move({ name: 'away', nextTryAt: new Date(Date.now() + waitMs), why });
      const waking = new AbortController();
      // A `Retry-After` must not be cut short.
      const forget = onWakeUp(() => why.retryAfterMs ?? waking.abort());
      await pause(waitMs, signal, waking.signal);
      forget();
    }
  }

  #connect(): Promise<ConnectionEnd> {
    const { heartbeatMs = 4_000 } = this.#options;
    this.#hello = undefined;
    return readConnection(this.#transport, {
      path: () => this.#path(heartbeatMs),
      lastEventId: this.#cursor,
      signal: this.#closing.signal,
      silenceMs: heartbeatMs * maxMissingBeats,
      onOpen: () => this.#completeness.begin(this.#position),
      onEvent: (event, isBuffered) => this.#take(event, isBuffered),
    });
  }

  async #path(heartbeatMs: number): Promise<string> {
    const { position = 0, conflate } = this.#options;
    const begin = position === 'head' ? !this.#selectors.all && nowhere : position;
    const query = queryOf({
      ...this.#selectors,
      position: this.#cursor === undefined ? begin || undefined : undefined,
      epoch: this.#epoch,
      hello: true,
      heartbeat: 'head',
      heartbeatMs,
      conflate,
      ticket: await this.#transport.askTicket(this.#selectors),
    });
    return `/subscribe?${query}`;
  }

  /** Returns why to break the connection off. */
  #take({ type, data, id }: StreamEvent, isBuffered: boolean): ClientError | undefined {
    const value = JSON.parse(data);
    if (type === 'hello') return this.#greet(value, id);
    if (type === 'reset') return this.#reset(value);
    this.#begin();
    if (type === 'poke') return this.#poke(value, id);
    if (type === 'heartbeat') return this.#prove(value, id, isBuffered);
    if (type === 'end') {
      const code = String(value.code).toUpperCase().replaceAll('-', '_');
      return new ClientError(code, `Ended by the server: ${value.code}`);
    }
    return undefined;
  }

  #greet({ epoch, head }: { epoch: string; head: number }, id: string | undefined): ClientError | undefined {
    const { all } = this.#selectors;
    if (this.#cursor === undefined && (all || this.#options.position === 'head')) {
      // It begins at the head as it was now, also when this connection breaks before its first event.
      this.#cursor = all ? id : `${head}`;
      this.#position = head;
      this.#completeness.begin(head);
      if (!all) {
        this.#epoch = epoch;
        return new ClientError('HEAD_KNOWN', 'Head known');
      }
    }
    this.#hello = { id, epoch };
    this.#move({ name: 'catching-up' });
    return undefined;
  }

  /** No reset follows. */
  #begin(): void {
    this.#cursor ??= this.#hello?.id;
    this.#epoch = this.#hello?.epoch;
  }

  #reset(reset: Reset): ClientError | undefined {
    if (this.#handlers.onReset === undefined)
      return new ClientError('RESET', `Cannot resume: ${reset.reason}`, {
        details: reset,
      });
    this.#cursor = this.#hello?.id;
    this.#epoch = reset.epoch;
    this.#position = reset.replayFrom - 1;
    this.#completeness.forget();
    this.#completeness.begin(this.#position);
    call(this.#handlers.onReset, reset);
    return undefined;
  }

  #poke(poke: Poke, id: string | undefined): ClientError | undefined {
    const verdict = this.#completeness.poke(poke);
    if (verdict === 'gap') return lost();
    if (verdict === 'next') {
      this.#backOff.succeeded();
      if (id !== undefined) {
        this.#cursor = id;
        this.#position = poke.globalPosition;
      }
      call(this.#handlers.onPoke, poke);
    }
    return undefined;
  }

  #prove({ head }: { head: number }, id: string | undefined, isBuffered: boolean): ClientError | undefined {
    if (!this.#completeness.isComplete(head)) return lost();
    this.#backOff.succeeded();
    this.#refusals = 0;
    this.#cursor = id ?? this.#cursor;
    this.#position = Math.max(head, this.#position ?? 0);
    const old = this.#state.name === 'live' ? this.#state : undefined;
    if (old?.completeUpTo === head && old.isBuffered === isBuffered) return undefined;
    this.#move({ name: 'live', completeUpTo: head, since: old?.since ?? new Date(), isBuffered });
    return undefined;
  }

  #isFinal(why: ClientError): boolean {
    if (why.code === 'NAMESPACE_DELETED' || why.code === 'RESET') return true;
    if (why.isCredential || why.code === 'REVOKED') {
      // A proxy's refusal is not the server's word.
      return this.#transport.renew() ? ++this.#refusals > maxRefusals : !why.isForeign;
    }
    return !why.passes && !why.isForeign;
  }

  #end(code: string, why: ClientError | undefined): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#move({ name: 'ended', code, why });
  }

  #move(state: State): void {
    this.#state = state;
    call(this.#handlers.onState, state);
  }
}

function lost(): ClientError {
  return new ClientError('POKE_LOST', 'A poke is missing');
}
