import type { Selectors, State } from './client.ts';
import type { Open, Subscribed } from './share.ts';
import { type Place, portable, type TabMessage, unionOf } from './tab-message.ts';

/** Waits this long for more requests, milliseconds. */
const gatherMs = 50;
/** Pings between two checks that all tabs answer. A tab that crashed sends no `leave`. */
const pingsPerCheck = 60;
/** Further tabs wait until another one leaves. */
const maxTabs = 1_000;

type Want = { readonly version: number; readonly selectors: Selectors; readonly place: Place | undefined };

/** Holds the shared connection while this tab has the lock. */
export class TabLeader {
  readonly #id: string;
  readonly #open: Open;
  readonly #send: (message: TabMessage) => void;
  readonly #wants = new Map<string, Want>();
  /** Tabs heard since the last check. */
  readonly #alive = new Set<string>();
  #pings = 0;
  #number = 0;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #subscription: Subscribed | undefined = undefined;
  /** The selection of the connection. */
  #selected = '';
  #covers: Record<string, number> = {};
  /** Epoch of the log known to the tabs. */
  #epoch: string | undefined = undefined;
  #isClosed = false;

  constructor(tab: string, open: Open, send: (message: TabMessage) => void) {
    this.#id = `${tab} ${Math.random()}`;
    this.#open = open;
    this.#send = send;
    // The lock may be granted before the tab has stored this object.
    queueMicrotask(() => {
      if (!this.#isClosed) send({ type: 'who' });
    });
  }

  /** Receives a message from any tab, including this one. */
  receive(message: TabMessage): void {
    if (message.type === 'here') {
      if (this.#wants.has(message.tab)) this.#alive.add(message.tab);
      return;
    }
    if (message.type === 'want' && (this.#wants.has(message.tab) || this.#wants.size < maxTabs)) {
      this.#wants.set(message.tab, message);
      this.#alive.add(message.tab);
    } else if (message.type === 'leave') {
      this.#wants.delete(message.tab);
      this.#alive.delete(message.tab);
    } else return;
    this.#timer ??= setTimeout(() => this.#serve(), gatherMs);
  }

  ping(): void {
    const isCheck = ++this.#pings % pingsPerCheck === 0;
    if (isCheck) this.#forgetSilent();
    this.#send({ type: 'ping', leader: this.#id, number: this.#number, isCheck });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#disconnect();
  }

  /** A tab that answers later notices that the next state does not cover it, and asks again. */
  #forgetSilent(): void {
    for (const tab of this.#wants.keys()) if (!this.#alive.has(tab)) this.receive({ type: 'leave', tab });
    this.#alive.clear();
  }

  /** Undefined also between the hello of another log and its reset. */
  get #place(): Place | undefined {
    const { position, epoch } = this.#subscription ?? {};
    if (position === undefined || epoch === undefined) return undefined;
    this.#epoch ??= epoch;
    return epoch === this.#epoch ? { position, epoch } : undefined;
  }

  /** Opens a connection for the current selections of the tabs, unless the current one already serves them. */
  #serve(): void {
    this.#timer = undefined;
    const wants = [...this.#wants];
    if (wants.length === 0) return;
    const selectors = unionOf(wants.map(([, want]) => want.selectors));
    const selected = JSON.stringify(selectors);
    const here = this.#place;
    let first = here;
    for (const [tab, want] of wants) {
      const { place } = want;
      if (place !== undefined && (first === undefined || place.position < first.position)) first = place;
      // The new connection covers the positions of the tabs. If they were kept, the position of a closed tab would
      // rewind every later connection.
      this.#wants.set(tab, { ...want, place: undefined });
    }
    this.#covers = Object.fromEntries(wants.map(([tab, { version }]) => [tab, version]));
    if (this.#subscription !== undefined && selected === this.#selected && first === here) this.#sendState();
    else this.#connect(selectors, first);
    this.#selected = selected;
  }

  #connect(selectors: Selectors, place: Place | undefined): void {
    this.#disconnect();
    const begin =
      place === undefined ? { position: 'head' as const } : { cursor: String(place.position), epoch: place.epoch };
    let hasBegun = false;
    this.#epoch = place?.epoch;
    let last = 0;
    const leader = this.#id;
    this.#subscription = this.#open(selectors, begin, {
      onPoke: (poke) => {
        const { globalPosition: position } = poke;
        const place = { position, epoch: this.#subscription!.epoch! };
        const isLate = position < last;
        last = Math.max(last, position);
        this.#send({ type: 'poke', leader, number: ++this.#number, poke, place, isLate });
      },
      onReset: (reset) => {
        last = 0;
        this.#epoch = reset.epoch;
        const place = { position: reset.replayFrom - 1, epoch: reset.epoch };
        this.#send({ type: 'reset', leader, number: ++this.#number, reset, place });
      },
      onState: ({ name }) => {
        hasBegun ||= name === 'catching-up';
        // Tabs see no change of state while a connection is replaced.
        if (this.#subscription !== undefined && (hasBegun || name !== 'connecting')) this.#sendState();
      },
    });
  }

  /** Closes the connection without sending its last state to the tabs. */
  #disconnect(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    subscription?.close();
  }

  #sendState(): void {
    const state: State = portable(this.#subscription!.state);
    const covers = this.#covers;
    this.#send({ type: 'state', leader: this.#id, number: ++this.#number, state, covers, place: this.#place });
  }
}
