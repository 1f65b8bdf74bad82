import { LiveSource } from './live-source.js';

/** The one subscription of the page, and the one that is to take its place. */
export class Subscriptions {
  #current;
  /** Tried beside the current one, which goes on until this one is open. */
  #next;
  #told;

  /**
   * `told.event(name, data)` takes the events of the current one; `told.opened(wanted)` says that what was wanted is current now;
   * `told.state(state)` takes the state to show; `told.refused(refusal)` why what was wanted is not to be had.
   */
  constructor(told) {
    this.#told = told;
  }

  /** `wanted` has the `url`. What is open stays open if this one is refused. */
  open(wanted) {
    this.#next?.close();
    if (this.#current === undefined) this.#told.state({ name: 'connecting', since: new Date() });
    const source = new LiveSource(wanted.url, {
      event: (name, data) => {
        if (source === this.#next && name === 'hello') this.#takeOver(wanted);
        if (source === this.#current) this.#told.event(name, data);
      },
      state: (state) => this.#changed(source, state),
    });
    this.#next = source;
  }

  close() {
    this.#next?.close();
    this.#current?.close();
    this.#next = undefined;
    this.#current = undefined;
    this.#told.state({ name: 'idle' });
  }

  retryNow() {
    (this.#current ?? this.#next)?.retryNow();
  }

  #takeOver(wanted) {
    this.#current?.close();
    this.#current = this.#next;
    this.#next = undefined;
    this.#told.opened(wanted);
  }

  #changed(source, state) {
    if (source === this.#next && this.#current !== undefined) return this.#drop(state.refusal);
    if (state.name === 'refused') {
      if (source === this.#next) this.#next = undefined;
      else this.#current = undefined;
      this.#told.refused(state.refusal);
    }
    this.#told.state(state);
  }

  #drop(refusal) {
    this.#next.close();
    this.#next = undefined;
    this.#told.refused(refusal);
  }
}
