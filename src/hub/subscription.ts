import { kindOfSelection, type Selection, type SelectionKind } from '../message/selection.ts';
import type { BufferLease } from '../pool/buffer-pool.ts';
import { Connection, type ConnectionEvents, type Framing, type Greeting, type Sink } from '../sse/connection.ts';
import { tagOf } from '../sse/cursor.ts';
import { headFrame, heartbeatFrame } from '../sse/frame.ts';
import type { Beating } from '../sse/heartbeat.ts';
import type { Audience, Hearer } from './audience.ts';
import { type CloseReason, isFinal, lastWords } from './close-reason.ts';
import { Conflation } from './conflation.ts';

/**
 * - `catching-up`: reads the log from its cursor up to the head.
 * - `live`: hears pokes as they happen.
 * - `lagging`: its socket is full; nothing is queued for it, it will catch up from its cursor.
 * - `closed`: ended.
 */
export type SubscriptionState = 'catching-up' | 'live' | 'lagging' | 'closed';

const moves: Readonly<Record<SubscriptionState, readonly SubscriptionState[]>> = {
  'catching-up': ['live', 'lagging', 'closed'],
  live: ['lagging', 'closed'],
  lagging: ['catching-up', 'closed'],
  closed: [],
};

/** What a subscription asks of the hub that holds it. */
export interface SubscriptionHost {
  /** Called after every change of state. */
  moved(subscription: Subscription, from: SubscriptionState): void;
  /** Tells all live subscriptions what was gathered for them, and returns the global position up to which they know all. */
  settled(namespace: string): number;
  /** Reads the head of what it selects from the log, and answers by {@link Subscription.beatWithHead}. */
  readHead(subscription: Subscription): void;
}

/** What a subscriber asks for beside its pokes. */
export type Wishes = {
  /** Named events: `hello`, `reset`, and `end` for every reason. */
  readonly hello: boolean;
  /** Heartbeats that tell the head of what it selects. */
  readonly heads: boolean;
  /** For what it missed while it lagged, one poke a stream. */
  readonly conflated: boolean;
  /** Milliseconds between its heartbeats; undefined: the server's own period. */
  readonly heartbeatMs: number | undefined;
};

/** Who holds a subscription, for limits and for its end. */
export type Holder = {
  readonly namespaceId: string;
  /** Undefined: it came without authentication. */
  readonly tokenId: string | undefined;
  /** IP address of the peer. */
  readonly address: string;
};

/** Where a subscription begins and what it hears. */
export type SubscriptionRequest = {
  readonly namespace: string;
  /** What is read from the log. */
  readonly selection: Selection;
  /** What is heard live: the same, or wider where the difference can no longer come. */
  readonly liveSelection: Selection;
  /** Global position behind which it is to be told everything. */
  readonly cursor: number;
  /** Head of the log when the cursor was decided. */
  readonly head: number;
  /** The log that the cursor is of. */
  readonly epoch: string;
  readonly wishes: Wishes;
};

/** How far the log was searched for the last message that a member of a group owns; it may lie far back, or not exist. */
export type HeadSearch = { upTo: number; head: number };

/** One subscriber's standing request, with the cursor up to which it has been told everything. */
export class Subscription implements Hearer, Beating, ConnectionEvents {
  readonly namespace: string;
  readonly selection: Selection;
  readonly liveSelection: Selection;
  readonly kind: SelectionKind;
  readonly epoch: string;
  /** Of its log, for the ids of its events. */
  readonly tag: string;
  readonly wishes: Wishes;
  readonly holder: Holder;
  readonly openedAtMs = performance.now();
  place = -1;
  slot = -1;
  /** The audience it hears, while it is live. */
  audience: Audience | undefined = undefined;
  /** Only for members of groups: all others are found without a search. */
  readonly headSearch: HeadSearch | undefined;
  /** Pokes told so far. */
  pokes = 0;
  /** Why it closed; undefined while it is open. */
  closeReason: CloseReason | undefined = undefined;
  /** When it last became lagging, as `performance.now()`. */
  laggingSinceMs = 0;
  /** What it missed while it lagged and is told as one poke a stream; undefined: every poke is told. */
  conflation: Conflation | undefined = undefined;
  #state: SubscriptionState = 'catching-up';
  #cursor: number;
  /** A beat came while it was catching up. */
  #isBeatDue = false;
  /** Where it begins when that lies beyond the head; else 0. Until the log is there, it is no cursor to resume behind. */
  readonly #ahead: number;
  readonly #host: SubscriptionHost;
  readonly #connection: Connection;

  constructor(request: SubscriptionRequest, sink: Sink, framing: Framing, host: SubscriptionHost, holder: Holder) {
    this.namespace = request.namespace;
    this.selection = request.selection;
    this.liveSelection = request.liveSelection;
    this.kind = kindOfSelection(request.selection);
    this.epoch = request.epoch;
    this.tag = tagOf(request.epoch);
    this.wishes = request.wishes;
    this.headSearch = request.wishes.heads && request.selection.group !== null ? { upTo: 0, head: 0 } : undefined;
    this.#cursor = request.cursor;
    this.#ahead = request.cursor > request.head ? request.cursor : 0;
    this.#host = host;
    this.holder = holder;
    this.#connection = new Connection(sink, this, framing);
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** While catching up or lagging: the global position up to which it has been told everything. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Up to where the log was read or, up to `announced`, announced, so that no message is to come there any more. */
  readUpTo(announced: number): number {
    return this.#cursor === this.#ahead ? announced : Math.max(this.#cursor, announced);
  }

  get bytesSent(): number {
    return this.#connection.bytesSent;
  }

  /** Sends the head of the response and what comes before the pokes. */
  greet({ head, frames }: Greeting): void {
    if (!this.#connection.open(head, frames)) this.#become('lagging');
  }

  /** Sends frames read from the log, which end with `upTo`. False: no more may be sent now. */
  tell(frames: Buffer, count: number, upTo: number, lease: BufferLease): boolean {
    this.pokes += count;
    this.#cursor = upTo;
    const taken = this.#connection.send(frames, lease);
    if (!taken) this.#become('lagging');
    return taken;
  }

  /** Notes that nothing selected lies between the cursor and `upTo`. */
  advance(upTo: number): void {
    this.#cursor = upTo;
  }

  /** From now on it hears what its audience hears. */
  goLive(): void {
    this.#become('live');
    this.#isBeatDue = false;
    this.conflation = undefined;
  }

  hear(frames: Buffer, count: number, upTo: number, lease: BufferLease): void {
    this.pokes += count;
    if (this.#connection.send(frames, lease)) return;
    this.#cursor = upTo;
    this.#become('lagging');
  }

  beat(): void {
    // Pages are told in between two reads only, and so are beats.
    if (this.#state === 'catching-up') this.#isBeatDue = true;
    if (this.#state !== 'live') return;
    if (this.wishes.heads) this.#host.readHead(this);
    else this.#beat(() => heartbeatFrame);
  }

  /**
   * Before a read of the log: sends the beat that came due. What it reads may be nothing for it, page after page, and
   * proxies cut a silent stream, which would have to begin again. False: the socket is full.
   */
  keepAlive(): boolean {
    if (!this.#isBeatDue) return true;
    this.#isBeatDue = false;
    if (this.#connection.send(heartbeatFrame)) return true;
    this.#become('lagging');
    return false;
  }

  /** A beat that tells the head of what it selects; undefined: it could not be read. */
  beatWithHead(head: number | undefined): void {
    if (this.#state !== 'live') return;
    this.#beat((upTo, isAhead) => {
      // The store has not announced that message yet, so it cannot be promised to have been told.
      if (head === undefined || head > upTo) return heartbeatFrame;
      // While the position asked for is not reached, a resumption behind an id would tell what lies before.
      const canResume = !isAhead && this.liveSelection.fromPosition === 0;
      return headFrame(this.epoch, head, canResume ? upTo : undefined);
    });
  }

  #beat(frameWith: (upTo: number, isAhead: boolean) => Buffer): void {
    const settled = this.#host.settled(this.namespace);
    const upTo = Math.max(this.#cursor, settled);
    const isAhead = upTo === this.#ahead && settled < upTo;
    // Telling the others' pokes may have filled this socket.
    if (this.state !== 'live' || this.#connection.send(frameWith(upTo, isAhead))) return;
    this.#cursor = upTo;
    this.#become('lagging');
  }

  /** The socket has taken what made it lag. */
  drained(): void {
    if (this.#state === 'lagging') this.#become('catching-up');
  }

  /** The socket is closed. */
  closed(): void {
    this.#close('peer');
  }

  /** Ends it from this side, with an event that says why where it can be taken. */
  end(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    const full = this.#state === 'lagging';
    this.#close(reason);
    if (full) {
      // What waits would have to be taken first, and it may never be.
      this.#connection.destroy();
      return;
    }
    // A socket that cannot take them now may never, and nobody watches it once the subscription is closed.
    const words = lastWords(reason, this.wishes.hello);
    if (words !== undefined && !this.#connection.send(words)) this.#connection.destroy();
    else this.#connection.end(isFinal(reason));
  }

  #close(reason: CloseReason): void {
    if (this.#state === 'closed') return;
    this.closeReason = reason;
    this.#become('closed');
  }

  #become(next: SubscriptionState): void {
    const from = this.#state;
    if (!moves[from].includes(next)) throw new TypeError(`a ${from} subscription cannot become ${next}`);
    this.#state = next;
    if (next === 'lagging') {
      this.laggingSinceMs = performance.now();
      if (this.wishes.conflated) this.conflation ??= new Conflation(this.#cursor);
    }
    this.#host.moved(this, from);
  }
}
