import { call } from './callback.ts';
import { ClientError, type Handlers, type Poke, type Reset, type Selectors, type State } from './client.ts';
import type { Subscribed } from './share.ts';
import { isSelected, type Place } from './tab-message.ts';

/** A subscription served by the connection that tabs share. */
export class SharedSubscription implements Subscribed {
  readonly selectors: Selectors;
  readonly version: number;
  state: State = { name: 'connecting' };
  readonly #handlers: Handlers;
  readonly #tab: { readonly place: Place | undefined };
  readonly #remove: () => void;

  constructor(
    selectors: Selectors,
    handlers: Handlers,
    tab: { readonly place: Place | undefined },
    version: number,
    remove: () => void,
  ) {
    this.selectors = selectors;
    this.version = version;
    this.#handlers = handlers;
    this.#tab = tab;
    this.#remove = remove;
  }

  get cursor(): string | undefined {
    return this.#tab.place && String(this.#tab.place.position);
  }

  get position(): number | undefined {
    return this.#tab.place?.position;
  }

  get epoch(): string | undefined {
    return this.#tab.place?.epoch;
  }

  poke(poke: Poke): void {
    if (isSelected(this.selectors, poke.stream)) call(this.#handlers.onPoke, poke);
  }

  reset(reset: Reset): void {
    if (this.#handlers.onReset !== undefined) {
      call(this.#handlers.onReset, reset);
      return;
    }
    const why = new ClientError('RESET', `Cannot resume: ${reset.reason}`, { details: reset });
    this.move({ name: 'ended', code: 'RESET', why });
  }

  move(state: State): void {
    if (this.state.name === 'ended') return;
    this.state = state;
    if (state.name === 'ended') this.#remove();
    call(this.#handlers.onState, state);
  }

  close(): void {
    this.move({ name: 'ended', code: 'CLOSED', why: undefined });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
