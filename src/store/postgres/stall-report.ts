import type { StoreReporter } from '../open-store.ts';
import type { Culprit } from './sequence-fence.ts';

/** Reports each transaction that blocks the order of the log once, and when the order is unblocked. */
export class StallReport {
  readonly #log: StoreReporter | undefined;
  #reported: number | undefined = undefined;

  constructor(log: StoreReporter | undefined) {
    this.#log = log;
  }

  stalled(culprit: Culprit | undefined): void {
    if (culprit === undefined || culprit.pid === this.#reported) return;
    this.#reported = culprit.pid;
    this.#log?.warn(
      { ...culprit },
      'an open transaction blocks the order of the log: messages after it are not delivered',
    );
  }

  ended(): void {
    if (this.#reported === undefined) return;
    this.#log?.info({ pid: this.#reported }, 'the transaction that blocked the order of the log has ended');
    this.#reported = undefined;
  }
}
