import { kindOfSelection, type Selection, type SelectionKind } from '../message/selection.ts';
import type { BufferLease } from '../pool/buffer-pool.ts';
import { Connection, type ConnectionEvents, type Framing, type Sink } from '../sse/connection.ts';
import { heartbeatFrame } from '../sse/frame.ts';
import type { Beating } from '../sse/heartbeat.ts';
import { type CloseReason, isFinal, lastWords } from './close-reason.ts';
import { Conflation } from './conflation.ts';
import type { FanOutGroup, GroupMember } from './fan-out-group.ts';
import { type Greeting, greetingOf } from './greeting.ts';
import type { StartingPoint, SubscribeRequest, Wishes } from './starting-point.ts';

/**
 * - `starting`: where it begins is not known yet.
 * - `catching-up`: everything up to its cursor was delivered; it reads the log, or waits until this node has read as far.
 * - `live`: receives what its group receives.
 * - `lagging`: its socket is full; nothing is queued for it, it will catch up from its cursor.
 * - `closed`: ended.
 */
export type SubscriptionState =
  | { readonly name: 'starting' }
  | { readonly name: 'catching-up'; readonly cursor: number }
  | { readonly name: 'live'; readonly group: FanOutGroup }
  | { readonly name: 'lagging'; readonly cursor: number; readonly sinceMs: number }
  | { readonly name: 'closed'; readonly reason: CloseReason };

const starting: SubscriptionState = { name: 'starting' };
const noFrames = Buffer.alloc(0);

/** What a subscription asks of the fan-out that owns it. */
export interface SubscriptionHost {
  /** Called after every change of state. */
  moved(subscription: Subscription, from: SubscriptionState): void;
  /** Everything selected up to this global position was delivered to every live subscription. */
  readonly flushedUpTo: number;
  /** The frame of a heartbeat with the head of a live subscription's selection; undefined while that is unknown. */
  headBeat(subscription: Subscription, group: FanOutGroup): Buffer | undefined;
}

/** The socket of a subscription. */
export type SubscriptionSocket = { readonly sink: Sink; readonly framing: Framing };

/** What a subscription is opened with. */
export type SubscriptionOptions = {
  readonly request: SubscribeRequest;
  readonly socket: SubscriptionSocket;
  readonly greeting: Greeting;
  /** Called once, when it has closed: gives back what its holder took for it. */
  readonly released: () => void;
};

/** One subscriber's standing request, and the only writer of its state. */
export class Subscription implements GroupMember, Beating, ConnectionEvents {
  readonly kind: SelectionKind;
  readonly openedAtMs = performance.now();
  place = -1;
  slot = -1;
  /** Pokes delivered so far. */
  pokes = 0;
  /** Global position of the last poke delivered on this connection; 0: none was. */
  deliveredUpTo = 0;
  readonly request: SubscribeRequest;
  readonly #released: () => void;
  readonly #host: SubscriptionHost;
  readonly #connection: Connection;
  #state: SubscriptionState = starting;
  #start: StartingPoint | undefined = undefined;
  /** What was forgotten up to here is not missing. */
  #forgottenUpTo = 0;
  /** Of the response; undefined once it was sent. */
  #head: Buffer | undefined;
  readonly #retryMs: number;
  #conflation: Conflation | undefined = undefined;

  constructor({ request, socket, greeting, released }: SubscriptionOptions, host: SubscriptionHost) {
    this.request = request;
    this.#released = released;
    this.#head = greeting.head;
    this.#retryMs = greeting.retryMs;
    this.#host = host;
    this.kind = kindOfSelection(request.selection);
    this.#connection = new Connection(socket.sink, this, socket.framing);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get wishes(): Wishes {
    return this.request.wishes;
  }

  /** What is read from the log. */
  get selection(): Selection {
    return this.#start?.selection ?? this.request.selection;
  }

  /** What is delivered live from a global position on. */
  liveSelectionFrom(cursor: number): Selection {
    const start = this.#start!;
    return cursor >= start.head ? start.liveSelection : start.selection;
  }

  /** What it missed while it lagged, to be delivered as one poke for each stream; undefined: every poke is delivered. */
  get conflation(): Conflation | undefined {
    return this.#conflation;
  }

  /** Global position behind which it is to read next, while it is catching up. */
  get readFrom(): number {
    return this.#conflation?.upTo ?? this.cursor;
  }

  /** Everything selected up to this global position was delivered. */
  get cursor(): number {
    const state = this.#state;
    if (state.name === 'live') return this.#host.flushedUpTo;
    return state.name === 'catching-up' || state.name === 'lagging' ? state.cursor : 0;
  }

  /** Whether messages that it was to be delivered are gone, now that those up to a global position are. */
  isMissing(forgottenUpTo: number): boolean {
    const start = this.#start;
    if (start === undefined || forgottenUpTo <= this.#forgottenUpTo || forgottenUpTo <= this.readFrom) return false;
    const isFirstPage = start.takesWhatIsThere && this.readFrom === start.cursor;
    // What was appended behind its start was promised.
    if (!isFirstPage || forgottenUpTo > start.head) return true;
    this.#forgottenUpTo = forgottenUpTo;
    return false;
  }

  get bytesSent(): number {
    return this.#connection.bytesSent;
  }

  /** Sends the head of the response before it is known where the subscription begins, because that takes time. */
  greetEarly(): void {
    // A fresh socket that cannot take a few hundred bytes is not worth keeping.
    if (this.#state.name === 'starting' && this.#head !== undefined && !this.#open(noFrames)) this.#abandon();
  }

  /** Greets, and begins to catch up behind the starting point. */
  begin(start: StartingPoint): void {
    if (this.#state.name !== 'starting') return;
    this.#start = start;
    this.#forgottenUpTo = start.forgottenUpTo;
    const frames = greetingOf(start, this.#retryMs, this.wishes.hello);
    if (this.#open(frames)) this.#become({ name: 'catching-up', cursor: start.cursor });
    else this.#lag(start.cursor);
  }

  /** Sends frames read from the log, which end with `upTo`. False: no more may be sent now. */
  deliverPage(frames: Buffer, count: number, upTo: number, lease: BufferLease): boolean {
    this.pokes += count;
    this.deliveredUpTo = upTo;
    return this.#catchUp(frames, upTo, lease);
  }

  /** Sends frames of a round of conflation; the last ones, which end with `upTo`, end it. False: no more may be sent now. */
  deliverRound(frames: Buffer, count: number, upTo: number, lease: BufferLease): boolean {
    const round = this.#conflation!;
    this.pokes += count;
    // Streams are delivered one by one although their messages alternate, so nothing is complete before the last one.
    if (round.left > 0) return this.#catchUp(frames, this.cursor, lease);
    this.deliveredUpTo = upTo;
    // What comes until it is live again it misses as well.
    this.#conflation = new Conflation(round.upTo);
    return this.#catchUp(frames, round.upTo, lease);
  }

  /** Notes that nothing selected lies between the cursor and `upTo`. */
  advance(upTo: number): void {
    if (this.#state.name === 'catching-up') this.#state = { name: 'catching-up', cursor: upTo };
  }

  /** Ends a round of conflation in which nothing was gathered. */
  endRound(): void {
    const { upTo } = this.#conflation!;
    this.#conflation = new Conflation(upTo);
    this.advance(upTo);
  }

  /** From now on it receives what the group receives. */
  goLive(group: FanOutGroup): void {
    this.#conflation = undefined;
    this.#become({ name: 'live', group });
  }

  deliver(frames: Buffer, count: number, upTo: number, lease: BufferLease): void {
    this.pokes += count;
    this.deliveredUpTo = upTo;
    if (!this.#connection.send(frames, lease)) this.#lag(upTo);
  }

  beat(): void {
    const state = this.#state;
    switch (state.name) {
      case 'starting':
        this.greetEarly();
        if (this.#state === state && !this.#connection.send(heartbeatFrame)) this.#abandon();
        return;
      case 'catching-up':
        if (!this.#connection.send(heartbeatFrame)) this.#lag(state.cursor);
        return;
      case 'live': {
        const head = this.wishes.heads ? this.#host.headBeat(this, state.group) : undefined;
        if (!this.#connection.send(head ?? heartbeatFrame)) this.#lag(this.#host.flushedUpTo);
      }
    }
  }

  /** The socket has taken what made it lag. */
  drained(): void {
    if (this.#state.name === 'lagging') this.#become({ name: 'catching-up', cursor: this.#state.cursor });
  }

  /** The socket is closed. */
  closed(): void {
    this.#close('peer');
  }

  /** Ends it from this side, with an event that says why where the socket can take it. */
  end(reason: CloseReason): void {
    const from = this.#state.name;
    if (from === 'closed') return;
    this.#close(reason);
    if (from === 'lagging') {
      // What waits would have to be taken first, and it may never be.
      this.#connection.destroy();
      return;
    }
    // A socket that is full now may never drain, and a closed subscription has no stall time-out.
    if (this.#open(lastWords(reason, this.wishes.hello) ?? noFrames)) this.#connection.end(isFinal(reason));
    else this.#connection.destroy();
  }

  /** Sends frames, behind the head of the response if that is still to be sent. */
  #open(frames: Buffer): boolean {
    const head = this.#head;
    if (head === undefined) return frames.length === 0 || this.#connection.send(frames);
    this.#head = undefined;
    return this.#connection.open(head, frames);
  }

  #catchUp(frames: Buffer, upTo: number, lease: BufferLease): boolean {
    const isTaken = this.#connection.send(frames, lease);
    if (isTaken) this.advance(upTo);
    else this.#lag(upTo);
    return isTaken;
  }

  #abandon(): void {
    this.#close('peer');
    this.#connection.destroy();
  }

  #lag(cursor: number): void {
    if (this.wishes.conflated) this.#conflation ??= new Conflation(cursor);
    this.#become({ name: 'lagging', cursor, sinceMs: performance.now() });
  }

  #close(reason: CloseReason): void {
    if (this.#state.name === 'closed') return;
    this.#become({ name: 'closed', reason });
    this.#released();
  }

  #become(next: SubscriptionState): void {
    const from = this.#state;
    this.#state = next;
    this.#host.moved(this, from);
  }
}
