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

/** Options of a subscription. */
export type SubscribeOptions = {
  /** Inclusive: a stream position for a single stream, otherwise a global position; `head`: the end of the log. Default 0. */
  readonly position?: number | 'head' | undefined;
  /** Instead of a position: resume after the event with this id, or after this global position of the log `epoch`. */
  readonly cursor?: string | undefined;
  readonly epoch?: string | undefined;
  /** After lagging, deliver one poke per stream. Default false. */
  readonly conflate?: boolean | undefined;
  /** Heartbeat period in milliseconds: whole seconds from 1,000 to 60,000. Default 4,000. */
  readonly heartbeatMs?: number | undefined;
};

/** Callbacks of a subscription. An exception is reported as uncaught and does not stop the subscription. */
export type Handlers = {
  readonly onPoke?: ((poke: Poke) => void) | undefined;
  readonly onState?: ((state: State) => void) | undefined;
  /** Without this callback, a reset ends the subscription with code `RESET`, because pokes are missing or will be repeated. */
  readonly onReset?: ((reset: Reset) => void) | undefined;
};

/** A position beyond the end of any log: a connection that starts there only reads the head from the hello. */
const nowhere = Number.MAX_SAFE_INTEGER;
/** Number of heartbeat periods without data after which a connection counts as lost. */
const maxMissingBeats = 2.5;
/** Consecutive refusals of renewed credentials that end the subscription. */
const maxRefusals = 3;
/** Reasons to reconnect at once. Each implies progress, so this cannot loop. */
const atOnce = ['RENEWING', 'HEAD_KNOWN'];

/** Required members of the server's events, given by an example of their type. */
const members: Readonly<Record<string, object>> = {
  hello: { epoch: '', head: 0 },
  reset: { reason: '', epoch: '', replayFrom: 0, lost: {} },
  poke: { stream: '', position: 0, globalPosition: 0 },
  heartbeat: { head: 0, count: 0 },
};

/**
 * A subscription. Only this class writes its state, and makes one connection attempt at a time. After a lost connection
 * it requests again what no heartbeat has proved complete, since a poke may be missing there, and delivers each poke
 * once.
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
  /** Log and first cursor of this connection; applied once the next event shows that no reset follows. */
  #hello: { readonly id: string | undefined; readonly epoch: string } | undefined = undefined;
  /** Where to resume if a poke is or may be missing: after the last proof, or at this connection's start. */
  #proved: { readonly cursor: string | undefined; readonly position: number | undefined } | undefined = undefined;
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
    const isStream = selectors.stream?.length === 1 && !selectors.category;
    if (this.#cursor !== undefined) this.#position = /^\d+$/.test(this.#cursor) ? Number(this.#cursor) : undefined;
    else if (position === 0 || (position !== 'head' && !isStream)) this.#position = Math.max(0, position - 1);
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

  async #run(): Promise<void> {
    // No callback may run before the constructor has returned.
    await undefined;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#move({ name: 'connecting' });
      const { why, retryMs } = await this.#connect();
      if (signal.aborted) return;
      // If this connection brought no event, the cursor is unchanged.
      if (this.#proved && this.#completeness.isOpen)
        ({ cursor: this.#cursor, position: this.#position } = this.#proved);
      if (why.code === 'RENEWING') this.#transport.renew();
      if (atOnce.includes(why.code)) continue;
      if (this.#isFinal(why)) return this.#end(why.code, why);
      // A server from which a poke was lost is up, so its `retry:` does not apply.
      const waitMs = this.#backOff.next(why.code === 'POKE_LOST' ? 0 : (why.retryAfterMs ?? retryMs));
      this.#move({ name: 'away', nextTryAt: new Date(Date.now() + waitMs), why });
      const waking = new AbortController();
      // A wake-up must not shorten a `Retry-After`.
      const forget = onWakeUp(() => why.retryAfterMs ?? waking.abort());
      await pause(waitMs, signal, waking.signal);
      forget();
    }
  }

  #connect(): Promise<ConnectionEnd> {
    const { heartbeatMs = 4_000 } = this.#options;
    this.#hello = this.#proved = undefined;
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

  /** Throws to close the connection. */
  #take({ type, data, id }: StreamEvent, isBuffered: boolean): void {
    const value = JSON.parse(data);
    for (const [name, example] of Object.entries(members[type] ?? {}))
      if (typeof value[name] !== typeof example) throw new TypeError(`${type} without ${name}`);
    if (type === 'hello' || type === 'reset') {
      if (type === 'hello') this.#greet(value, id);
      else this.#reset(value, id);
      return;
    }
    // No reset follows the hello.
    this.#cursor ??= this.#hello?.id;
    this.#epoch = this.#hello?.epoch;
    this.#proved ??= { cursor: this.#cursor, position: this.#position };
    if (type === 'poke') this.#poke(value, id);
    else if (type === 'heartbeat') this.#prove(value, id, isBuffered);
    else if (type === 'end') {
      const code = String(value.code).toUpperCase().replaceAll('-', '_');
      throw new ClientError(code, `Ended: ${value.code}`);
    }
  }

  #greet({ epoch, head }: { epoch: string; head: number }, id: string | undefined): void {
    const { all } = this.#selectors;
    if (this.#cursor === undefined && (all || this.#options.position === 'head')) {
      // Starts at the current head, even if this connection breaks before its first event.
      this.#cursor = all ? id : `${head}`;
      this.#position = head;
      this.#completeness.begin(head);
      if (!all) {
        this.#epoch = epoch;
        throw new ClientError('HEAD_KNOWN', '');
      }
    }
    this.#hello = { id, epoch };
    this.#move({ name: 'catching-up' });
  }

  #reset(reset: Reset, id: string | undefined): void {
    if (this.#handlers.onReset === undefined)
      throw new ClientError('RESET', `Cannot resume: ${reset.reason}`, { details: reset });
    this.#proved = undefined;
    this.#cursor = id;
    this.#epoch = reset.epoch;
    this.#position = reset.replayFrom - 1;
    this.#completeness.forget();
    // Messages that are left before `replayFrom` are delivered, too.
    this.#completeness.begin(0);
    call(this.#handlers.onReset, reset);
  }

  #poke(poke: Poke, id: string | undefined): void {
    const isNew = this.#completeness.poke(poke);
    if (isNew !== undefined && id !== undefined) {
      this.#cursor = id;
      this.#position = poke.globalPosition;
    }
    if (!isNew) return;
    this.#backOff.succeeded();
    call(this.#handlers.onPoke, poke);
  }

  #prove({ head, count }: { head: number; count: number }, id: string | undefined, isBuffered: boolean): void {
    if (!this.#completeness.isComplete(head, count)) throw new ClientError('POKE_LOST', 'A poke is missing');
    this.#proved = undefined;
    this.#backOff.succeeded();
    this.#refusals = 0;
    this.#cursor = id ?? this.#cursor;
    this.#position = Math.max(head, this.#position ?? 0);
    const old = this.#state.name === 'live' ? this.#state : undefined;
    if (old?.completeUpTo === head && old.isBuffered === isBuffered) return;
    this.#move({ name: 'live', completeUpTo: head, since: old?.since ?? new Date(), isBuffered });
  }

  #isFinal(why: ClientError): boolean {
    if (why.code === 'NAMESPACE_DELETED' || why.code === 'RESET') return true;
    if (why.isCredential || why.code === 'REVOKED') {
      // A refusal by a proxy is not one by the server.
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
