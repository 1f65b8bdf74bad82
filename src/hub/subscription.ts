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
 * - `starting`: its starting point is not known yet.
 * - `catching-up`: everything up to its cursor was delivered; it reads the log, or waits until this node has read as
 *   far.
 * - `live`: receives what its group receives.
 * - `lagging`: its socket is full; nothing is queued, and it will catch up from its cursor.
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

/** The functions of its fan-out that a subscription uses. */
export interface SubscriptionHost {
  /** Called after every change of state. */
  moved(subscription: Subscription, from: SubscriptionState): void;
  /** Everything selected up to this global position was delivered to every live subscription. */
  readonly flushedUpTo: number;
  /** The heartbeat frame with the head of a live subscription's selection; undefined while the head is unknown. */
  headBeat(subscription: Subscription, group: FanOutGroup): Buffer | undefined;
}

/** The socket of a subscription. */
export type SubscriptionSocket = { readonly sink: Sink; readonly framing: Framing };

/** Arguments of a subscription. */
export type SubscriptionOptions = {
  readonly request: SubscribeRequest;
  readonly socket: SubscriptionSocket;
  readonly greeting: Greeting;
  /** Called once when the subscription has closed, to release its quota. */
  readonly released: () => void;
};

/** One subscriber's standing request. Only this class writes its state. */
export class Subscription implements GroupMember, Beating, ConnectionEvents {
  readonly kind: SelectionKind;
  readonly openedAtMs = performance.now();
  place = -1;
  slot = -1;
  /** Number of pokes delivered. */
  pokes = 0;
  /** Global position of the last poke delivered on this connection; 0 if none. */
  deliveredUpTo = 0;
  readonly request: SubscribeRequest;
  readonly #released: () => void;
  readonly #host: SubscriptionHost;
  readonly #connection: Connection;
  #state: SubscriptionState = starting;
  #start: StartingPoint | undefined = undefined;
  /** Messages deleted up to here are not missing. */
  #forgottenUpTo = 0;
  /** The response head; undefined once sent. */
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

  /** The selection for reading the log. */
  get selection(): Selection {
    return this.#start?.selection ?? this.request.selection;
  }

  /** The selection for live pokes after a global position. */
  liveSelectionFrom(cursor: number): Selection {
    const start = this.#start!;
    return cursor >= start.head ? start.liveSelection : start.selection;
  }

  /** The missed messages to be delivered as one poke per stream; undefined: every poke is delivered. */
  get conflation(): Conflation | undefined {
    return this.#conflation;
  }

  /** While catching up: the global position to read after. */
  get readFrom(): number {
    return this.#conflation?.upTo ?? this.cursor;
  }

  /** Everything selected up to this global position was delivered. */
  get cursor(): number {
    const state = this.#state;
    if (state.name === 'live') return this.#host.flushedUpTo;
    return state.name === 'catching-up' || state.name === 'lagging' ? state.cursor : 0;
  }

  /** Whether it still has to read messages from the log, so that retention may overtake it. */
  get isBehind(): boolean {
    return this.#state.name === 'catching-up' || this.#state.name === 'lagging';
  }

  /** Whether messages of this subscription are lost if everything up to `forgottenUpTo` was deleted. */
  isMissing(forgottenUpTo: number): boolean {
    const start = this.#start;
    if (start === undefined || forgottenUpTo <= this.#forgottenUpTo || forgottenUpTo <= this.readFrom) return false;
    const isFirstPage = start.takesWhatIsThere && this.readFrom === start.cursor;
    // Everything appended after its start must be delivered.
    if (!isFirstPage || forgottenUpTo > start.head) return true;
    this.#forgottenUpTo = forgottenUpTo;
    return false;
  }

  get bytesSent(): number {
    return this.#connection.bytesSent;
  }

  /** Sends the response head before the starting point is known, because that takes time. */
  greetEarly(): void {
    // A new socket that cannot accept a few hundred bytes is closed.
    if (this.#state.name === 'starting' && this.#head !== undefined && !this.#open(noFrames)) this.#abandon();
  }

  /** Greets the subscriber, and starts to catch up after the starting point. */
  begin(start: StartingPoint): void {
    if (this.#state.name !== 'starting') return;
    this.#start = start;
    this.#forgottenUpTo = start.forgottenUpTo;
    const frames = greetingOf(start, this.#retryMs, this.wishes.hello);
    if (this.#open(frames)) this.#become({ name: 'catching-up', cursor: start.cursor });
    else this.#lag(start.cursor);
  }

  /** Sends frames read from the log, up to `upTo`. Returns false if the socket is full. */
  deliverPage(frames: Buffer, count: number, upTo: number, lease: BufferLease): boolean {
    this.pokes += count;
    this.deliveredUpTo = upTo;
    return this.#catchUp(frames, upTo, lease);
  }

  /** Sends frames of a round of conflation. The last ones, up to `upTo`, complete the round. Returns false if the socket is full. */
  deliverRound(frames: Buffer, count: number, upTo: number, lease: BufferLease): boolean {
    const round = this.#conflation!;
    this.pokes += count;
    // Streams are delivered one after another although their messages alternate, so the cursor moves only at the end.
    if (round.left > 0) return this.#catchUp(frames, this.cursor, lease);
    this.deliveredUpTo = upTo;
    // Messages that arrive before it is live again are merged too.
    this.#conflation = new Conflation(round.upTo);
    return this.#catchUp(frames, round.upTo, lease);
  }

  /** Records that nothing selected lies between the cursor and `upTo`. */
  advance(upTo: number): void {
    if (this.#state.name === 'catching-up') this.#state = { name: 'catching-up', cursor: upTo };
  }

  /** Ends an empty round of conflation. */
  endRound(): void {
    const { upTo } = this.#conflation!;
    this.#conflation = new Conflation(upTo);
    this.advance(upTo);
  }

  /** Switches to the group's live pokes, and sends a head heartbeat at once to show that it has caught up. */
  goLive(group: FanOutGroup): void {
    this.#conflation = undefined;
    this.#become({ name: 'live', group });
    this.tellHead();
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
      case 'live':
        if (!this.tellHead() && !this.#connection.send(heartbeatFrame)) this.#lag(this.#host.flushedUpTo);
    }
  }

  /** Sends the head of its selection while it is live. Returns false if the head is unknown or was not requested. */
  tellHead(): boolean {
    const state = this.#state;
    if (state.name !== 'live' || !this.wishes.heads) return false;
    const frame = this.#host.headBeat(this, state.group);
    if (frame === undefined) return false;
    if (!this.#connection.send(frame)) this.#lag(this.#host.flushedUpTo);
    return true;
  }

  /** Called when the socket has drained. */
  drained(): void {
    if (this.#state.name === 'lagging') this.#become({ name: 'catching-up', cursor: this.#state.cursor });
  }

  /** Called when the socket is closed. */
  closed(): void {
    this.#close('peer');
  }

  /** Ends it from the server's side, with an event that gives the reason if the socket can take it. */
  end(reason: CloseReason): void {
    const from = this.#state.name;
    if (from === 'closed') return;
    this.#close(reason);
    if (from === 'lagging') {
      // Destroy rather than end: the frames that wait would have to drain first, and may never.
      this.#connection.destroy();
      return;
    }
    // A socket that is full now may never drain, and a closed subscription has no stall time-out.
    if (this.#open(lastWords(reason, this.wishes.hello) ?? noFrames)) this.#connection.end(isFinal(reason));
    else this.#connection.destroy();
  }

  /** Sends frames, preceded by the response head if that was not sent yet. */
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
