import { LiveSource } from './live-source.js';

/** The page's subscription, and the one about to replace it. */
export class Subscriptions {
  #current;
  /** Opened in addition to the current one, which continues until this one is open. */
  #next;
  #told;

  /**
   * `told.event(name, data)` gets the events of the current subscription; `told.opened(wanted)` is called when `wanted`
   * has become current; `told.state(state)` gets the state to show; `told.refused(refusal)` the reason why `wanted` was
   * refused.
   */
  constructor(told) {
    this.#told = told;
  }

  /** `wanted` contains the `url`. If it is refused, the current subscription stays open. */
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
