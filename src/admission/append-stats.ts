import type { AppendOutcome, StoreFull } from '../store/log.ts';

/** The last append refused because the store was full. */
export type Refusal = {
  /** Size of the store; undefined if it is unknown. */
  readonly bytes: number | undefined;
  /** Time by `performance.now()`. */
  readonly atMs: number;
};

/** This process's appends by outcome, and the number of stored messages. */
export class AppendStats {
  messages = 0;
  /** Undefined once the store has accepted an append since. */
  refusal: Refusal | undefined = undefined;
  readonly outcomes: Record<AppendOutcome['outcome'], number> = {
    appended: 0,
    known: 0,
    'version-conflict': 0,
    'duplicate-id': 0,
    gone: 0,
    full: 0,
  };

  /** Records the outcome of an append. */
  count(outcome: AppendOutcome, messages: number): void {
    this.outcomes[outcome.outcome]++;
    if (outcome.outcome === 'full') this.#refuse(outcome);
    if (outcome.outcome !== 'appended') return;
    this.messages += messages;
    this.refusal = undefined;
  }

  #refuse({ limit, bytes }: StoreFull): void {
    // A namespace at its own limit leaves room for the others.
    if (limit !== 'namespace') this.refusal = { bytes, atMs: performance.now() };
  }
}
