import type { Handlers, Reset, Selectors } from './client.ts';
import type { Open, Share, Subscribed } from './share.ts';
import { SharedSubscription } from './shared-subscription.ts';
import { TabLeader } from './tab-leader.ts';
import { type Place, rebuilt, type TabMessage, unionOf } from './tab-message.ts';

type Locks = {
  request(
    name: string,
    options: { readonly steal?: boolean; readonly signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<void>;
};

/** Interval of the leader's pings, milliseconds. */
const pingMs = 1_000;
/** A visible tab takes over if the leader was silent for this long, milliseconds. */
const silenceMs = 3_000;

/**
 * Lets all tabs of an origin that use this name share one connection: one tab leads, and forwards events to the others.
 * A name belongs to one server and one user. Subscriptions that start at the head are shared, such as those of `live`.
 * Others open their own connection, as all do in browsers without Web Locks or BroadcastChannel.
 */
export function acrossTabs(name: string): Share {
  const { locks } = ((globalThis as { navigator?: unknown }).navigator ?? {}) as { locks?: Locks };
  if (locks === undefined || typeof BroadcastChannel === 'undefined') return () => undefined;
  let tab: Tab | undefined;
  return (open, selectors, options, handlers) => {
    const { position, cursor, conflate } = options;
    if (position !== 'head' || cursor !== undefined || conflate || selectors.size !== undefined) return undefined;
    tab ??= new Tab(`pokewire:${name}`, locks, open);
    return tab.subscribe(selectors, handlers);
  };
}

/** This tab: its subscriptions, and the last event received from the leader. */
class Tab {
  readonly #name: string;
  readonly #locks: Locks;
  readonly #open: Open;
  readonly #id = `${Math.random()}${Date.now()}`;
  readonly #subscriptions = new Set<SharedSubscription>();
  #channel: BroadcastChannel | undefined = undefined;
  #leader: TabLeader | undefined = undefined;
  #waiting = new AbortController();
  #watch: ReturnType<typeof setInterval> | undefined = undefined;
  /** Version of this tab's last `want`. A state that covers it covers all subscriptions of the tab. */
  #version = 0;
  /** Whether this tab has every event of the leader up to `#number`. */
  #isSynced = false;
  #leaderId: string | undefined = undefined;
  #number = 0;
  #lastMessageAt = 0;
  #place: Place | undefined = undefined;

  constructor(name: string, locks: Locks, open: Open) {
    this.#name = name;
    this.#locks = locks;
    this.#open = open;
  }

  get place(): Place | undefined {
    return this.#place;
  }

  subscribe(selectors: Selectors, handlers: Handlers): Subscribed {
    const subscription = new SharedSubscription(selectors, handlers, this, this.#version + 1, () =>
      this.#remove(subscription),
    );
    this.#subscriptions.add(subscription);
    if (this.#subscriptions.size === 1) this.#join();
    this.#want();
    return subscription;
  }

  #join(): void {
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: { data: TabMessage }) => this.#receive(data);
    this.#lastMessageAt = Date.now();
    this.#watch = setInterval(() => this.#beat(), pingMs);
    const leave = () => this.#send({ type: 'leave', tab: this.#id });
    (globalThis as Partial<Pick<EventTarget, 'addEventListener'>>).addEventListener?.('pagehide', leave, this.#waiting);
    this.#queue(false);
  }

  /** Leads once this tab gets the lock, and queues again if another tab stole it because this one seemed to hang. */
  #queue(isStealing: boolean): void {
    const { signal } = this.#waiting;
    const lead = async () => {
      if (signal.aborted) return;
      this.#leader = new TabLeader(this.#id, this.#open, (message) => {
        this.#channel?.postMessage(message);
        this.#receive(message);
      });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    this.#locks.request(this.#name, isStealing ? { steal: true } : { signal }, lead).catch(() => {
      if (signal.aborted) return;
      this.#leader?.close();
      this.#leader = undefined;
      this.#queue(false);
    });
  }

  #remove(subscription: SharedSubscription): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size > 0) this.#want();
    else this.#leave();
  }

  #leave(): void {
    this.#send({ type: 'leave', tab: this.#id });
    this.#leader?.close();
    this.#leader = undefined;
    this.#waiting.abort();
    this.#waiting = new AbortController();
    clearInterval(this.#watch);
    this.#channel?.close();
    this.#channel = undefined;
    this.#place = undefined;
    this.#isSynced = false;
  }

  /** Sends the leader this tab's selection and position. */
  #want(): void {
    this.#version++;
    const selectors = unionOf([...this.#subscriptions].map((subscription) => subscription.selectors));
    this.#send({ type: 'want', tab: this.#id, version: this.#version, selectors, place: this.#place });
  }

  #send(message: TabMessage): void {
    this.#channel?.postMessage(message);
    this.#leader?.receive(message);
  }

  #receive(message: TabMessage): void {
    if (message.type === 'want' || message.type === 'leave' || message.type === 'here') {
      this.#leader?.receive(message);
      return;
    }
    this.#lastMessageAt = Date.now();
    if (message.type === 'who') {
      this.#resync();
      return;
    }
    const { leader, number } = message;
    const isOfMine = this.#isSynced && leader === this.#leaderId;
    if (message.type === 'ping') {
      // A gap in the numbers: this tab missed messages.
      if (!isOfMine || number !== this.#number) this.#resync();
      else if (message.isCheck) this.#send({ type: 'here', tab: this.#id });
    } else if (message.type === 'state' && isOfMine && message.covers[this.#id] === undefined) {
      // The leader considered this tab closed.
      this.#resync();
    } else if (isOfMine && number === this.#number + 1) {
      this.#number = number;
      this.#take(message);
    } else if (message.type === 'state' && (message.covers[this.#id] ?? 0) >= this.#version) {
      // The leader's connection starts at this tab's position or earlier.
      this.#isSynced = true;
      this.#leaderId = leader;
      this.#number = number;
      this.#take(message);
    } else if (this.#isSynced) this.#resync();
  }

  /** Ignores events until the leader's connection covers this tab's position. */
  #resync(): void {
    this.#isSynced = false;
    this.#want();
  }

  #take(message: Extract<TabMessage, { readonly number: number }>): void {
    if (message.type === 'poke') {
      const isBefore = message.place.epoch === this.#place?.epoch && message.place.position <= this.#place!.position;
      if (isBefore && !message.isLate) return;
      if (!isBefore) this.#place = message.place;
      for (const subscription of [...this.#subscriptions]) subscription.poke(message.poke);
    } else if (message.type === 'reset') {
      this.#place = message.place;
      for (const subscription of [...this.#subscriptions]) subscription.reset(message.reset);
    } else if (message.type === 'state') {
      this.#moveTo(message.place);
      if (message.state.name === 'away' && message.state.why.code === 'POKE_LOST') this.#place = message.place;
      const covered = message.covers[this.#id] ?? 0;
      const state = rebuilt(message.state);
      for (const subscription of [...this.#subscriptions])
        if (subscription.version <= covered) subscription.move(state);
    }
  }

  /**
   * Adopts the position of the leader's connection if it belongs to another log; a tab that missed the reset gets one
   * here.
   */
  #moveTo(place: Place | undefined): void {
    const was = this.#place;
    if (place === undefined || place.epoch === was?.epoch) return;
    this.#place = place;
    if (was === undefined) return;
    const { epoch, position: head } = place;
    const lost = { epoch: was.epoch, from: was.position + 1, to: null };
    const reset: Reset = { reason: 'other-epoch', epoch, head, lost, replayFrom: head + 1 };
    for (const subscription of [...this.#subscriptions]) subscription.reset(reset);
  }

  /** As leader: sends a ping. Otherwise: takes over from a silent leader. */
  #beat(): void {
    const { document } = globalThis as { document?: { readonly visibilityState: string } };
    this.#leader?.ping();
    if (this.#leader !== undefined || document?.visibilityState === 'hidden') return;
    if (Date.now() - this.#lastMessageAt < silenceMs) return;
    this.#lastMessageAt = Date.now();
    this.#waiting.abort();
    this.#waiting = new AbortController();
    this.#queue(true);
  }
}
