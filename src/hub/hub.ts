import type { Poke } from '../message/poke.ts';
import { type SelectionKind, selectionKinds } from '../message/selection.ts';
import { serveInTurns } from '../message/turns.ts';
import type { BufferPool } from '../pool/buffer-pool.ts';
import type { ObjectPool } from '../pool/object-pool.ts';
import type { FrameEncoder } from '../sse/frame.ts';
import { Heartbeats } from '../sse/heartbeat.ts';
import type { LogId } from '../store/log-id.ts';
import type { Store } from '../store/store.ts';
import type { RetryDelays } from './back-off.ts';
import { CatchUpStats } from './catch-up.ts';
import type { CloseReason } from './close-reason.ts';
import { roundStreamsFor } from './conflation.ts';
import { FrameBatch } from './frame-batch.ts';
import { LogFanOut } from './log-fan-out.ts';
import { windowPokesFor } from './poke-window.ts';
import { ReadSlots } from './read-slots.ts';
import { Subscription, type SubscriptionOptions, type SubscriptionState } from './subscription.ts';
import { TurnGate } from './turn-gate.ts';

/** Receives the hub's events, for logs and metrics. */
export interface HubObserver {
  opened(subscription: Subscription): void;
  closed(subscription: Subscription, reason: CloseReason): void;
  /** A read of a log failed and will be retried. */
  readFailed(log: LogId, error: unknown): void;
  /** Milliseconds from the append of a message to the write of its frames, for each message delivered live. */
  delivered(delayMs: number): void;
}

/** Dependencies of a hub. */
export type HubOptions = {
  readonly store: Store;
  readonly pokes: ObjectPool<Poke>;
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  readonly observer: HubObserver;
  /** Default heartbeat period in milliseconds; 0: none. A subscriber may ask for another period. */
  readonly heartbeatMs: number;
  /** A socket that accepts nothing for this many milliseconds is closed; 0: never. */
  readonly stallTimeoutMs: number;
  /** Milliseconds between two checks of a log without announcements. */
  readonly safetyReadMs: number;
  /** Number of recent pokes kept in memory for each log. */
  readonly windowPokes: number;
  readonly retryDelays: RetryDelays;
};

const openStates = ['catching-up', 'live', 'lagging'] as const;
const stallCheckMs = 1_000;
const drainStepMs = 20;

/** All subscriptions, grouped by log. */
export class Hub {
  readonly batch: FrameBatch;
  readonly catchUpStats = new CatchUpStats();
  readonly subscriptions = new Set<Subscription>();
  /** Number of times a live subscription became lagging. */
  laggingEpisodes = 0;
  /** Number of failed reads of logs. */
  failedReads = 0;
  readonly #options: HubOptions;
  readonly #logs = new Map<LogId, LogFanOut>();
  readonly #slots = new ReadSlots();
  readonly #gate = new TurnGate();
  readonly #lagging = new Set<Subscription>();
  /** Open subscriptions that asked for conflation. */
  #conflating = 0;
  readonly #heartbeats = new Heartbeats();
  readonly #timers: readonly NodeJS.Timeout[];
  #endReason: CloseReason | undefined = undefined;

  constructor(options: HubOptions) {
    const { buffers, encoder, observer, safetyReadMs } = options;
    this.#options = options;
    this.batch = new FrameBatch({ buffers, encoder, delivered: (delayMs) => observer.delivered(delayMs) });
    this.#timers = [
      setInterval(() => this.closeStalled(performance.now()), stallCheckMs).unref(),
      setInterval(() => this.look(performance.now()), safetyReadMs).unref(),
    ];
  }

  /** Opens a subscription on a socket: delivers everything after its starting point, first from the log, then live. */
  subscribe(options: SubscriptionOptions): Subscription {
    const fanOut = this.#fanOut(options.request.log);
    const subscription = new Subscription(options, fanOut);
    const { wishes } = subscription;
    this.subscriptions.add(subscription);
    if (wishes.conflated) this.#conflating++;
    this.#heartbeats.add(subscription, wishes.heartbeatMs ?? this.#options.heartbeatMs);
    this.#options.observer.opened(subscription);
    fanOut.add(subscription);
    if (this.#endReason !== undefined) subscription.end(this.#endReason);
    return subscription;
  }

  /** Number of open subscriptions by kind and state, for the scrape. */
  census(): { kind: SelectionKind; state: string; count: number }[] {
    const counts = new Map<string, number>();
    for (const { kind, state } of this.subscriptions) {
      const name = state.name === 'starting' ? 'catching-up' : state.name;
      counts.set(`${kind} ${name}`, (counts.get(`${kind} ${name}`) ?? 0) + 1);
    }
    return selectionKinds.flatMap((kind) =>
      openStates.map((state) => ({ kind, state, count: counts.get(`${kind} ${state}`) ?? 0 })),
    );
  }

  /** Number of logs followed. */
  get logs(): number {
    return this.#logs.size;
  }

  /** Number of logs whose reads fail repeatedly, so that their subscriptions wait. */
  get failingLogs(): number {
    let count = 0;
    for (const { isFailing, subscriptions } of this.#logs.values()) if (isFailing && subscriptions.size > 0) count++;
    return count;
  }

  /** Seconds until retention overtakes the first subscription that is behind; infinite if it will not. */
  get forgottenInSeconds(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#logs.values().map((fanOut) => fanOut.forgottenInSeconds));
  }

  /** Number of subscriptions that wait for a page of their log. */
  get catchUpWaiting(): number {
    let count = 0;
    for (const { waiting } of this.#logs.values()) count += waiting;
    return count;
  }

  /** Closes subscriptions whose sockets have accepted nothing for the stall time-out. */
  closeStalled(nowMs: number): void {
    const { stallTimeoutMs } = this.#options;
    if (stallTimeoutMs === 0) return;
    const isStalled = ({ state }: Subscription) => state.name === 'lagging' && nowMs - state.sinceMs >= stallTimeoutMs;
    const stalled = [...this.#lagging].filter(isStalled);
    void serveInTurns(stalled, (subscription) => {
      if (isStalled(subscription)) subscription.end('stalled');
    });
  }

  /** Checks each followed log for unannounced messages, and stops following logs without subscriptions. */
  look(nowMs: number): void {
    for (const [id, fanOut] of this.#logs) {
      if (fanOut.subscriptions.size > 0) fanOut.look();
      else if (!fanOut.canLinger(nowMs)) {
        fanOut.stop();
        this.#logs.delete(id);
      }
    }
  }

  /**
   * Ends every subscription, spread over `spreadMs` milliseconds so that they do not all reconnect at once. A
   * subscription opened later, for example because the store answered slowly, ends at once.
   */
  async endAll(reason: CloseReason, spreadMs: number): Promise<void> {
    this.#endReason = reason;
    this.batch.flush();
    const ending = [...this.subscriptions];
    const startMs = performance.now();
    for (let ended = 0; ended < ending.length; ) {
      const share = spreadMs === 0 ? 1 : (performance.now() - startMs) / spreadMs;
      const due = Math.min(ending.length, Math.ceil(ending.length * share));
      while (ended < due) ending[ended++]!.end(reason);
      if (ended < ending.length) await new Promise((resolve) => setTimeout(resolve, drainStepMs));
    }
  }

  /** Stops the timers, and stops following all logs. */
  stop(): void {
    this.#heartbeats.stop();
    for (const timer of this.#timers) clearInterval(timer);
    for (const fanOut of this.#logs.values()) fanOut.stop();
  }

  #fanOut(id: LogId): LogFanOut {
    const { store, pokes, buffers, encoder, observer, windowPokes, retryDelays } = this.#options;
    return this.#logs.getOrInsertComputed(
      id,
      () =>
        new LogFanOut({
          log: store.log(id),
          batch: this.batch,
          slots: this.#slots,
          gate: this.#gate,
          pokes,
          buffers,
          encoder,
          catchUpStats: this.catchUpStats,
          retryDelays,
          windowPokes: () => windowPokesFor(this.#logs.size, windowPokes),
          roundStreams: () => roundStreamsFor(this.#conflating),
          moved: (subscription, from) => this.#moved(subscription, from),
          readFailed: (error) => {
            this.failedReads++;
            observer.readFailed(id, error);
          },
        }),
    );
  }

  #moved(subscription: Subscription, from: SubscriptionState): void {
    const { state } = subscription;
    if (from.name === 'lagging') this.#lagging.delete(subscription);
    if (state.name === 'lagging') {
      this.#lagging.add(subscription);
      if (from.name === 'live') this.laggingEpisodes++;
    } else if (state.name === 'closed') {
      this.subscriptions.delete(subscription);
      if (subscription.wishes.conflated) this.#conflating--;
      this.#heartbeats.remove(subscription);
      this.#options.observer.closed(subscription, state.reason);
    }
  }
}
