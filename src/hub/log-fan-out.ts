import type { Poke } from '../message/poke.ts';
import type { Selection } from '../message/selection.ts';
import { membersPerTurn, serveInTurns } from '../message/turns.ts';
import { tagOf } from '../sse/cursor.ts';
import type { PokePage } from '../store/log.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import { CatchUp, catchUpPagePokes } from './catch-up.ts';
import { FanOutGroup } from './fan-out-group.ts';
import { findStart } from './find-start.ts';
import { ForgettingWatch } from './forgetting-watch.ts';
import type { BatchedLog } from './frame-batch.ts';
import { GroupIndex } from './group-index.ts';
import { HeadBeats } from './head-beats.ts';
import type { LogFanOutOptions } from './log-fan-out-options.ts';
import { LogTail } from './log-tail.ts';
import { Parked } from './parked.ts';
import { PokeWindow } from './poke-window.ts';
import type { Subscription, SubscriptionHost, SubscriptionState } from './subscription.ts';

/** How long to follow a log after its last subscription has closed. Subscribers usually reconnect. */
const lingerMs = 5_000;

/**
 * Fan-out of one log while it has subscriptions: follows the log, owns the subscriptions and routes pokes.
 * Everything up to `flushedUpTo` was delivered to every live subscription; the batch holds the pokes between that
 * position and the tail's head. A subscription may therefore go live only when its cursor, the head and `flushedUpTo`
 * are equal. Then it misses nothing between what it has read and what it will receive.
 */
export class LogFanOut implements SubscriptionHost, BatchedLog {
  readonly tag: string;
  readonly groups = new GroupIndex();
  readonly subscriptions = new Set<Subscription>();
  hasPending = false;
  flushedUpTo = 0;
  /** The log was deleted or replaced. `GrantWatch` ends its subscriptions, with the reason. */
  #isGone = false;
  /** When the last subscription closed, by `performance.now()`. */
  #idleSinceMs = performance.now();
  readonly #options: LogFanOutOptions;
  readonly #tail: LogTail;
  readonly #catchUp: CatchUp;
  readonly #headBeats: HeadBeats;
  readonly #forgetting: ForgettingWatch<Subscription>;
  #window = new PokeWindow(0);
  readonly #parked = new Parked();
  #isWakeScheduled = false;

  constructor(options: LogFanOutOptions) {
    const { log, slots, buffers, encoder, catchUpStats: stats, roundStreams } = options;
    this.#options = options;
    this.tag = tagOf(log.id);
    this.#tail = new LogTail({
      log,
      slots,
      retryDelays: options.retryDelays,
      lookBack: options.windowPokes(),
      began: () => this.#began(),
      poked: (poke) => this.#add(poke),
      advanced: () => this.#advanced(),
      forgotten: (upTo) => this.#endForgotten(upTo),
      changedUpTo: (globalPosition) => this.#changedUpTo(globalPosition),
      failed: (error) => this.#tailFailed(error),
    });
    this.#catchUp = new CatchUp({
      log,
      slots,
      buffers,
      encoder,
      stats,
      tag: this.tag,
      roundStreams,
      readWindow: (selection, after) => this.#readWindow(selection, after),
      readStore: (selection, after) => this.#readStore(selection, after),
      goOn: (subscription) => this.#goOn(subscription),
      failed: (error) => this.#readFailed(error),
    });
    this.#headBeats = new HeadBeats((selection, upTo) => slots.run(log, () => log.last(selection, 0, upTo)));
    this.#forgetting = new ForgettingWatch(
      async (selection) => (await slots.run(log, () => log.bounds(selection))).forgottenUpTo,
    );
    this.#tail.start();
  }

  /** Whether reads of the log fail repeatedly while subscriptions wait for them. */
  get isFailing(): boolean {
    return this.subscriptions.size > 0 && !this.#isGone && this.#tail.backOff.isFailing;
  }

  /** Whether to keep following the log without subscriptions. */
  canLinger(nowMs: number): boolean {
    return !this.#isGone && !this.#tail.backOff.isFailing && nowMs - this.#idleSinceMs < lingerMs;
  }

  /** Subscriptions that wait for a page. */
  get waiting(): number {
    return this.#catchUp.waiting;
  }

  /** Adds a new subscription: finds its starting point, greets it, and starts to catch up. */
  add(subscription: Subscription): void {
    // While the log had no subscriptions, nobody checked it for unannounced messages.
    if (this.subscriptions.size === 0) this.#tail.readOn();
    this.subscriptions.add(subscription);
    void this.#begin(subscription);
  }

  /** Checks for unannounced messages, and trims the window to its current bound. */
  look(): void {
    this.#window.trim(this.#options.windowPokes());
    this.#tail.readOn();
    if ((this.#tail.bounds?.forgottenUpTo ?? 0) === 0) return;
    const behind = this.subscriptions.values().filter(({ isBehind }) => isBehind);
    // The tail reports failing reads; this one is repeated at the next check.
    this.#forgetting.look(behind.toArray(), performance.now()).catch(() => {});
  }

  /** Seconds until retention overtakes a subscription that is behind; infinite if it will not. */
  get forgottenInSeconds(): number {
    return this.#forgetting.secondsLeft;
  }

  /** Stops following the log. */
  stop(): void {
    this.#tail.stop();
  }

  moved(subscription: Subscription, from: SubscriptionState): void {
    if (from.name === 'live') this.#leave(subscription, from.group);
    const { name } = subscription.state;
    if (name === 'closed') {
      this.#parked.delete(subscription);
      this.subscriptions.delete(subscription);
      if (this.subscriptions.size === 0) this.#idleSinceMs = performance.now();
    } else if (name === 'lagging') this.#parked.delete(subscription);
    this.#options.moved(subscription, from);
    if (name === 'catching-up') this.#goOn(subscription);
  }

  headBeat(subscription: Subscription, group: FanOutGroup): Buffer | undefined {
    const head = this.#headBeats.headOf(subscription, group, this.flushedUpTo);
    if (head === undefined) return undefined;
    // Before the requested stream position is reached, an id here would make a reconnect deliver messages before that position.
    const canResume = group.selection.fromPosition === 0;
    const upTo = canResume ? this.flushedUpTo : undefined;
    return this.#headBeats.frame(group, this.#options.log.id, head, subscription.pokes, upTo);
  }

  flushed(): void {
    this.flushedUpTo = this.#tail.head;
    this.#wakeParked();
  }

  async #begin(subscription: Subscription): Promise<void> {
    const { log, slots, gate } = this.#options;
    const tail = this.#tail;
    while (subscription.state.name === 'starting') {
      try {
        const start = await findStart(subscription.request, { log, slots, tail });
        // Many subscriptions may have waited for the same answer, for example during an outage of the store.
        await gate.pass();
        return subscription.begin(start);
      } catch (error) {
        const retry = this.#readFailed(error);
        await gate.pass();
        subscription.greetEarly();
        await retry;
      }
    }
  }

  /** Next step of a catching-up subscription: read a page, go live, or wait. */
  #goOn(subscription: Subscription): void {
    const { conflation, readFrom } = subscription;
    const { head, isCaughtUp } = this.#tail;
    // The socket was full during the round, or the page that completed it was not marked as the last one.
    if (conflation?.isTelling || (conflation?.hasGathered && readFrom >= head)) {
      this.#catchUp.deliverRound(subscription, conflation);
      if (subscription.state.name === 'catching-up') this.#goOn(subscription);
      return;
    }
    // While the tail reads older messages, none of them may be delivered as live.
    if (!isCaughtUp) this.#park(subscription);
    else if (readFrom < head) this.#catchUp.enqueue(subscription);
    else if (readFrom === head && this.flushedUpTo === head) this.#goLive(subscription);
    else this.#park(subscription);
  }

  /** Switches to live pokes, or waits for the next turn: many subscriptions may have caught up in this one, and each may be sent a head. */
  #goLive(subscription: Subscription): void {
    if (!this.#options.gate.tryPass()) {
      this.#parked.add(subscription);
      this.#wakeSoon();
      return;
    }
    const group = this.groups.admit(new FanOutGroup(subscription.liveSelectionFrom(this.flushedUpTo)));
    group.join(subscription);
    subscription.goLive(group);
  }

  #leave(subscription: Subscription, group: FanOutGroup): void {
    group.leave(subscription);
    if (group.members.length === 0) this.groups.remove(group);
  }

  #park(subscription: Subscription): void {
    this.#parked.add(subscription);
    // The log may extend beyond the announced messages.
    if (subscription.readFrom > this.#tail.head || !this.#tail.isCaughtUp) this.#tail.readOn();
  }

  #began(): void {
    this.flushedUpTo = this.#tail.head;
    this.#window = new PokeWindow(this.#tail.head);
  }

  #changedUpTo(globalPosition: number): void {
    if (this.#window.after < globalPosition) this.#window = new PokeWindow(this.#tail.head);
  }

  #add(poke: Poke): void {
    // Add to the batch before the window: the batch may flush earlier pokes, and a subscription that goes live in that
    // flush then receives this one through its group.
    this.#options.batch.add(poke, this);
    this.#window.push(poke, this.#options.windowPokes());
  }

  #advanced(): void {
    if (!this.hasPending) this.flushed();
  }

  /** Resumes subscriptions whose position was flushed. */
  #wakeParked(): void {
    if (!this.#tail.isCaughtUp) return;
    const woken = this.#parked.take(this.flushedUpTo, membersPerTurn);
    for (const subscription of woken) {
      // Reads from the window in the same turn if possible: on a busy log the head moves on before a read of the store returns.
      if (subscription.readFrom < this.#tail.head) this.#catchUp.deliverNow(subscription);
      if (subscription.state.name === 'catching-up') this.#goOn(subscription);
    }
    if (woken.length === membersPerTurn) this.#wakeSoon();
  }

  #wakeSoon(): void {
    if (this.#isWakeScheduled) return;
    this.#isWakeScheduled = true;
    setImmediate(() => {
      this.#isWakeScheduled = false;
      if (!this.hasPending) this.#wakeParked();
    });
  }

  #readWindow(selection: Selection, after: number): PokePage | undefined {
    const { pokes, log } = this.#options;
    const { head, bounds } = this.#tail;
    // The window ends at the tail's head, and does not know which messages retention deleted.
    if (after >= head || after < bounds!.forgottenUpTo) return undefined;
    return this.#window.read(selection, after, catchUpPagePokes, pokes, { id: log.id, head });
  }

  async #readStore(selection: Selection, after: number): Promise<PokePage> {
    const page = await this.#options.log.pokes(selection, after, catchUpPagePokes);
    this.#tail.backOff.succeeded();
    this.#tail.note(page);
    return page;
  }

  /** Before the tail has started, sends the response heads of waiting subscriptions. */
  #tailFailed(error: unknown): void {
    this.#noteFailure(error);
    if (this.#tail.hasBegun) return;
    void serveInTurns([...this.subscriptions], (subscription) => subscription.greetEarly());
  }

  #readFailed(error: unknown): Promise<void> {
    this.#noteFailure(error);
    return this.#tail.backOff.wait();
  }

  #noteFailure(error: unknown): void {
    if (isLogGone(error)) this.#isGone = true;
    this.#options.readFailed(error);
  }

  /** Retention deleted messages before this node read them: ends the subscriptions that miss some. */
  #endForgotten(upTo: number): void {
    this.#options.batch.flush();
    for (const subscription of this.subscriptions) {
      if (subscription.isMissing(upTo)) subscription.end('log-forgotten');
    }
  }
}
