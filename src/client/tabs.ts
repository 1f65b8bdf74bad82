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

/** The leader is heard of this often, milliseconds. */
const pingMs = 1_000;
/** A tab that is seen takes over from a leader that was not heard of for so long. */
const silenceMs = 3_000;

/**
 * Lets all tabs of an origin that use this name hold one connection: one of them leads, and tells the others. Its tabs must be of the same
 * server and of the same user. Subscriptions that begin at the head are shared, such as those of `live`; others keep a connection of their own,
 * as all do where the browser has no Web Locks or no BroadcastChannel.
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

/** This tab among those of its name: its subscriptions, and where it stands. */
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
  /** Of what this tab wants; a state that covers it covers its subscriptions. */
  #version = 0;
  #isSynced = false;
  #heardOf: string | undefined = undefined;
  #number = 0;
  #heardAt = 0;
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
    this.#channel.onmessage = ({ data }: { data: TabMessage }) => this.#hear(data);
    this.#heardAt = Date.now();
    this.#watch = setInterval(() => this.#look(), pingMs);
    const leave = () => this.#send({ type: 'leave', tab: this.#id });
    (globalThis as Partial<Pick<EventTarget, 'addEventListener'>>).addEventListener?.('pagehide', leave, this.#waiting);
    this.#queue(false);
  }

  /** Leads as soon as the lock is this tab's, and queues again when another tab took it, because this one seemed to sleep. */
  #queue(isStealing: boolean): void {
    const { signal } = this.#waiting;
    const lead = async () => {
      if (signal.aborted) return;
      this.#leader = new TabLeader(this.#id, this.#open, (message) => {
        this.#channel?.postMessage(message);
        this.#hear(message);
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

  /** Tells the leader what this tab wants and how far it was told. */
  #want(): void {
    this.#version++;
    const selectors = unionOf([...this.#subscriptions].map((subscription) => subscription.selectors));
    this.#send({ type: 'want', tab: this.#id, version: this.#version, selectors, place: this.#place });
  }

  #send(message: TabMessage): void {
    this.#channel?.postMessage(message);
    this.#leader?.hear(message);
  }

  #hear(message: TabMessage): void {
    if (message.type === 'want' || message.type === 'leave') {
      this.#leader?.hear(message);
      return;
    }
    this.#heardAt = Date.now();
    if (message.type === 'who') {
      this.#resync();
      return;
    }
    const { leader, number } = message;
    const isOfMine = this.#isSynced && leader === this.#heardOf;
    if (message.type === 'ping') {
      // What came between was missed.
      if (!isOfMine || number !== this.#number) this.#resync();
    } else if (isOfMine && number === this.#number + 1) {
      this.#number = number;
      this.#take(message);
    } else if (message.type === 'state' && (message.covers[this.#id] ?? 0) >= this.#version) {
      // Its connection begins where this tab was.
      this.#isSynced = true;
      this.#heardOf = leader;
      this.#number = number;
      this.#take(message);
    } else if (this.#isSynced) this.#resync();
  }

  /** Hears nothing until the leader knows how far this tab was told. */
  #resync(): void {
    this.#isSynced = false;
    this.#want();
  }

  #take(message: Extract<TabMessage, { readonly number: number }>): void {
    if (message.type === 'poke') {
      if (message.place.epoch === this.#place?.epoch && message.poke.globalPosition <= this.#place.position) return;
      this.#place = message.place;
      for (const subscription of [...this.#subscriptions]) subscription.poke(message.poke);
    } else if (message.type === 'reset') {
      this.#place = message.place;
      for (const subscription of [...this.#subscriptions]) subscription.reset(message.reset);
    } else if (message.type === 'state') {
      this.#arrive(message.place);
      const covered = message.covers[this.#id] ?? 0;
      const state = rebuilt(message.state);
      for (const subscription of [...this.#subscriptions])
        if (subscription.version <= covered) subscription.move(state);
    }
  }

  /** The connection stands there. A tab that was away while the log became another one is told so. */
  #arrive(place: Place | undefined): void {
    const was = this.#place;
    if (place === undefined || place.epoch === was?.epoch) return;
    this.#place = place;
    if (was === undefined) return;
    const { epoch, position: head } = place;
    const lost = { epoch: was.epoch, from: was.position + 1, to: null };
    const reset: Reset = { reason: 'other-epoch', epoch, head, lost, replayFrom: head + 1 };
    for (const subscription of [...this.#subscriptions]) subscription.reset(reset);
  }

  #look(): void {
    const { document } = globalThis as { document?: { readonly visibilityState: string } };
    this.#leader?.ping();
    if (this.#leader !== undefined || document?.visibilityState === 'hidden') return;
    if (Date.now() - this.#heardAt < silenceMs) return;
    this.#heardAt = Date.now();
    this.#waiting.abort();
    this.#waiting = new AbortController();
    this.#queue(true);
  }
}
