import type { Poke } from '../message/poke.ts';
import { type SelectionKind, selectionKinds } from '../message/selection.ts';
import type { BufferPool } from '../pool/buffer-pool.ts';
import type { Greeting, Sink } from '../sse/connection.ts';
import type { FrameEncoder } from '../sse/frame.ts';
import { Heartbeats } from '../sse/heartbeat.ts';
import type { MessageStore } from '../store/message-store.ts';
import { Audience } from './audience.ts';
import { AudienceIndex } from './audience-index.ts';
import { CatchUp } from './catch-up.ts';
import type { CloseReason } from './close-reason.ts';
import { roundStreamsFor } from './conflation.ts';
import {
  type Holder,
  Subscription,
  type SubscriptionHost,
  type SubscriptionRequest,
  type SubscriptionState,
} from './subscription.ts';
import { Turn } from './turn.ts';

/** Told what happens, for logs and metrics. */
export interface HubObserver {
  opened(subscription: Subscription): void;
  closed(subscription: Subscription, reason: CloseReason): void;
  readFailed(subscription: Subscription, error: unknown): void;
  /** Milliseconds from append to the write of its frames, for each message that somebody heard live. */
  told(delayMs: number): void;
}

/** What a hub is made from. */
export type HubOptions = {
  readonly store: MessageStore;
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  readonly observer: HubObserver;
  /** Milliseconds between heartbeats of those who do not ask for a period of their own; 0: none. */
  readonly heartbeatMs: number;
  /** A socket that takes nothing for so many milliseconds is closed; 0: never. */
  readonly stallTimeoutMs: number;
};

const openStates = ['catching-up', 'live', 'lagging'] as const;
const stallCheckMs = 1_000;
const drainStepMs = 20;

/** One namespace's audiences, for as long as somebody subscribes to it. */
class Room {
  /** Open subscriptions. */
  subscriptions = 0;
  /** Tag of the log. */
  tag = '';
  readonly index = new AudienceIndex();
  /** Global position of the last poke the store announced; 0: none since the room is there. */
  head = 0;
  /** Live subscriptions that are not to hear what comes up to their cursor; they enter when the head passes it. */
  readonly ahead = new Set<Subscription>();
  /** No cursor of those is lower. */
  lowestAhead = Number.POSITIVE_INFINITY;
}

const newRoom = (): Room => new Room();

/**
 * Who hears what. The store announces each message once and in order; a subscription joins its audience when it has read
 * the log up to the last announcement, so that nothing lies between what it read and what it hears.
 */
export class Hub implements SubscriptionHost {
  readonly turn: Turn;
  readonly catchUp: CatchUp;
  readonly subscriptions = new Set<Subscription>();
  /** Times a live subscription became lagging. */
  laggingEpisodes = 0;
  readonly #store: MessageStore;
  readonly #observer: HubObserver;
  readonly #stallTimeoutMs: number;
  readonly #rooms = new Map<string, Room>();
  readonly #lagging = new Set<Subscription>();
  readonly #readingHead = new Set<Subscription>();
  /** Open subscriptions that asked for conflation. */
  #conflating = 0;
  readonly #heartbeats = new Heartbeats();
  readonly #heartbeatMs: number;
  readonly #stallTimer: NodeJS.Timeout;
  #endReason: CloseReason | undefined = undefined;

  constructor({ store, buffers, encoder, observer, heartbeatMs, stallTimeoutMs }: HubOptions) {
    this.#store = store;
    this.#observer = observer;
    this.#stallTimeoutMs = stallTimeoutMs;
    this.#heartbeatMs = heartbeatMs;
    this.#stallTimer = setInterval(() => this.closeStalled(performance.now()), stallCheckMs).unref();
    this.turn = new Turn({ buffers, encoder, told: (delayMs) => observer.told(delayMs) });
    this.catchUp = new CatchUp({
      store,
      buffers,
      encoder,
      roundStreams: () => roundStreamsFor(this.#conflating),
      join: (subscription) => this.#join(subscription),
      failed: (subscription, error) => observer.readFailed(subscription, error),
    });
    store.watch(
      (namespace, poke) => this.#publish(namespace, poke),
      (namespace, epoch) => this.#endSubscriptions(namespace, 'log-replaced', epoch),
    );
  }

  /**
   * Opens a subscription on a socket: sends the greeting, tells what the log holds behind the cursor, then what happens.
   * The cursor stands before the greeting goes out, so everything appended after the greeting arrives is told.
   */
  subscribe(request: SubscriptionRequest, sink: Sink, greeting: Greeting, holder: Holder): Subscription {
    const subscription = new Subscription(request, sink, greeting.framing, this, holder);
    this.subscriptions.add(subscription);
    // From before its first read on, or a poke between that and its join would be nobody's.
    const room = this.#rooms.getOrInsertComputed(subscription.namespace, newRoom);
    room.subscriptions++;
    room.tag = subscription.tag;
    if (subscription.wishes.conflated) this.#conflating++;
    this.#heartbeats.add(subscription, subscription.wishes.heartbeatMs ?? this.#heartbeatMs);
    this.#observer.opened(subscription);
    subscription.greet(greeting);
    if (this.#endReason !== undefined) subscription.end(this.#endReason);
    else if (subscription.state === 'catching-up') this.catchUp.enqueue(subscription);
    return subscription;
  }

  /** Open subscriptions of every kind in every open state, for the scrape. */
  census(): { kind: SelectionKind; state: SubscriptionState; count: number }[] {
    const counts = new Map<string, number>();
    for (const { kind, state } of this.subscriptions) {
      counts.set(`${kind} ${state}`, (counts.get(`${kind} ${state}`) ?? 0) + 1);
    }
    return selectionKinds.flatMap((kind) =>
      openStates.map((state) => ({ kind, state, count: counts.get(`${kind} ${state}`) ?? 0 })),
    );
  }

  /** Closes subscriptions whose sockets have taken nothing for the stall time-out. */
  closeStalled(nowMs: number): void {
    if (this.#stallTimeoutMs === 0) return;
    for (const subscription of this.#lagging) {
      if (nowMs - subscription.laggingSinceMs >= this.#stallTimeoutMs) subscription.end('stalled');
    }
  }

  /** Ends the subscriptions of a namespace that is no more. */
  endNamespace(namespace: string): void {
    this.#endSubscriptions(namespace, 'namespace-deleted');
  }

  /**
   * Ends every subscription, evenly over `spreadMs` milliseconds, so that they do not all come back at once. Who
   * subscribes from now on, say because the store was slow to answer, is ended at once.
   */
  async endAll(reason: CloseReason, spreadMs: number): Promise<void> {
    this.#endReason = reason;
    this.turn.flush();
    const ending = [...this.subscriptions];
    const startMs = performance.now();
    for (let ended = 0; ended < ending.length; ) {
      const share = spreadMs === 0 ? 1 : (performance.now() - startMs) / spreadMs;
      const due = Math.min(ending.length, Math.ceil(ending.length * share));
      while (ended < due) ending[ended++]!.end(reason);
      if (ended < ending.length) await new Promise((resolve) => setTimeout(resolve, drainStepMs));
    }
  }

  /** Stops the timers. */
  stop(): void {
    this.#heartbeats.stop();
    clearInterval(this.#stallTimer);
  }

  moved(subscription: Subscription, from: SubscriptionState): void {
    if (from === 'live') this.#leave(subscription);
    if (from === 'lagging') this.#lagging.delete(subscription);
    const { state } = subscription;
    if (state === 'lagging') {
      this.#lagging.add(subscription);
      if (from === 'live') this.laggingEpisodes++;
    } else if (state === 'closed') {
      this.subscriptions.delete(subscription);
      const room = this.#room(subscription.namespace);
      if (--room.subscriptions === 0) this.#rooms.delete(subscription.namespace);
      if (subscription.wishes.conflated) this.#conflating--;
      this.#heartbeats.remove(subscription);
      this.#observer.closed(subscription, subscription.closeReason!);
    } else if (from === 'lagging') this.catchUp.enqueue(subscription);
  }

  settled(namespace: string): number {
    this.turn.flush();
    return this.#rooms.get(namespace)?.head ?? 0;
  }

  /** Namespaces that somebody subscribes to. */
  get namespaces(): number {
    return this.#rooms.size;
  }

  readHead(subscription: Subscription): void {
    // A store that takes longer than a period is not asked again meanwhile.
    if (this.#readingHead.has(subscription)) subscription.beatWithHead(undefined);
    else void this.#readHead(subscription);
  }

  async #readHead(subscription: Subscription): Promise<void> {
    const { namespace, selection, headSearch: search } = subscription;
    this.#readingHead.add(subscription);
    try {
      const upTo = subscription.readUpTo(this.#room(namespace).head);
      const after = search?.upTo ?? 0;
      const { epoch, globalPosition: last } = await this.#store.lastOf(namespace, selection, after);
      if (epoch !== subscription.epoch) return this.#endReplaced(subscription);
      if (search !== undefined) {
        if (last > after) search.head = last;
        search.upTo = Math.max(upTo, last);
      }
      subscription.beatWithHead(search?.head ?? last);
    } catch {
      // The beat keeps the stream alive; who waits for a head sees that none came.
      subscription.beatWithHead(undefined);
    } finally {
      this.#readingHead.delete(subscription);
    }
  }

  /** Ends those of a namespace, save those of the log with this epoch, who may have come before it was announced. */
  #endSubscriptions(namespace: string, reason: CloseReason, sparedEpoch?: string): void {
    this.turn.flush();
    for (const subscription of this.subscriptions) {
      if (subscription.namespace === namespace && subscription.epoch !== sparedEpoch) subscription.end(reason);
    }
  }

  /** The log was replaced, as a read of it shows before it is announced. */
  #endReplaced(subscription: Subscription): void {
    this.turn.flush();
    subscription.end('log-replaced');
  }

  #publish(namespace: string, poke: Poke): void {
    const room = this.#rooms.get(namespace);
    if (room === undefined) return;
    if (poke.globalPosition > room.lowestAhead) this.#admitAhead(room, poke.globalPosition);
    room.head = poke.globalPosition;
    this.turn.add(poke, room.tag, room.index);
  }

  /** Lets a subscription that has read to the end of the log hear what comes; false: more was announced by now. */
  #join(subscription: Subscription): boolean {
    // What was gathered is already told to it by the log, so it must be gone before it joins.
    const head = this.settled(subscription.namespace);
    if (subscription.cursor < head) return false;
    const room = this.#room(subscription.namespace);
    subscription.goLive();
    if (subscription.cursor === head) this.#enter(room, subscription);
    else {
      room.ahead.add(subscription);
      room.lowestAhead = Math.min(room.lowestAhead, subscription.cursor);
    }
    return true;
  }

  #admitAhead(room: Room, globalPosition: number): void {
    this.turn.flush();
    room.lowestAhead = Number.POSITIVE_INFINITY;
    for (const subscription of room.ahead) {
      if (subscription.cursor < globalPosition) {
        room.ahead.delete(subscription);
        this.#enter(room, subscription);
      } else room.lowestAhead = Math.min(room.lowestAhead, subscription.cursor);
    }
  }

  #enter(room: Room, subscription: Subscription): void {
    const audience = room.index.admit(new Audience(subscription.liveSelection));
    audience.join(subscription);
    subscription.audience = audience;
  }

  #leave(subscription: Subscription): void {
    const room = this.#room(subscription.namespace);
    room.ahead.delete(subscription);
    const { audience } = subscription;
    if (audience === undefined) return;
    subscription.audience = undefined;
    audience.leave(subscription);
    if (audience.hearers.length === 0) room.index.remove(audience);
  }

  /** The room of a subscription's namespace. */
  #room(namespace: string): Room {
    return this.#rooms.get(namespace)!;
  }
}
