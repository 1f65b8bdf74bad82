import type { Selectors, State } from './client.ts';
import type { Open, Subscribed } from './share.ts';
import { type Place, portable, type TabMessage, unionOf } from './tab-message.ts';

/** Wants that come together are answered together, milliseconds. */
const gatherMs = 50;

type Want = { readonly version: number; readonly selectors: Selectors; readonly place: Place | undefined };

/** Holds the connection for all tabs, while this tab has the lock. */
export class TabLeader {
  readonly #id: string;
  readonly #open: Open;
  readonly #tell: (message: TabMessage) => void;
  readonly #wants = new Map<string, Want>();
  #number = 0;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #subscription: Subscribed | undefined = undefined;
  /** What the connection selects. */
  #selected = '';
  #covers: Record<string, number> = {};
  /** The log that the tabs know of. */
  #epoch: string | undefined = undefined;
  #isClosed = false;

  constructor(tab: string, open: Open, tell: (message: TabMessage) => void) {
    this.#id = `${tab} ${Math.random()}`;
    this.#open = open;
    this.#tell = tell;
    // The lock may be granted before the tab has taken this object.
    queueMicrotask(() => {
      if (!this.#isClosed) tell({ type: 'who' });
    });
  }

  /** Takes a message of any tab, this one included. */
  hear(message: TabMessage): void {
    if (message.type === 'want') this.#wants.set(message.tab, message);
    else if (message.type === 'leave') this.#wants.delete(message.tab);
    else return;
    this.#timer ??= setTimeout(() => this.#serve(), gatherMs);
  }

  ping(): void {
    this.#tell({ type: 'ping', leader: this.#id, number: this.#number });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#disconnect();
  }

  /** Undefined also while a reset is to follow. */
  get #place(): Place | undefined {
    const { position, epoch } = this.#subscription ?? {};
    if (position === undefined || epoch === undefined) return undefined;
    this.#epoch ??= epoch;
    return epoch === this.#epoch ? { position, epoch } : undefined;
  }

  /** Opens a connection for what is wanted now, where the one that there is does not serve it. */
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
      // The new connection covers this tab's place. A stale place of a tab that is gone would rewind every later connection.
      this.#wants.set(tab, { ...want, place: undefined });
    }
    this.#covers = Object.fromEntries(wants.map(([tab, { version }]) => [tab, version]));
    if (this.#subscription !== undefined && selected === this.#selected && first === here) this.#tellState();
    else this.#connect(selectors, first);
    this.#selected = selected;
  }

  #connect(selectors: Selectors, place: Place | undefined): void {
    this.#disconnect();
    const begin =
      place === undefined ? { position: 'head' as const } : { cursor: String(place.position), epoch: place.epoch };
    let hasBegun = false;
    this.#epoch = place?.epoch;
    const leader = this.#id;
    this.#subscription = this.#open(selectors, begin, {
      onPoke: (poke) => {
        const place = { position: poke.globalPosition, epoch: this.#subscription!.epoch! };
        this.#tell({ type: 'poke', leader, number: ++this.#number, poke, place });
      },
      onReset: (reset) => {
        this.#epoch = reset.epoch;
        const place = { position: reset.replayFrom - 1, epoch: reset.epoch };
        this.#tell({ type: 'reset', leader, number: ++this.#number, reset, place });
      },
      onState: ({ name }) => {
        hasBegun ||= name === 'catching-up';
        // Another connection is no event for tabs that had one before, until it stands.
        if (this.#subscription !== undefined && (hasBegun || name !== 'connecting')) this.#tellState();
      },
    });
  }

  /** Closes the connection without sending its last state to the tabs. */
  #disconnect(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    subscription?.close();
  }

  #tellState(): void {
    const state: State = portable(this.#subscription!.state);
    const covers = this.#covers;
    this.#tell({ type: 'state', leader: this.#id, number: ++this.#number, state, covers, place: this.#place });
  }
}
