import type { AppendOutcome, StoreFull } from '../store/log.ts';

/** The last append that was refused because the store was full. */
export type Refusal = {
  /** What the store held; undefined: it does not see the room that it lacks. */
  readonly bytes: number | undefined;
  /** By `performance.now()`. */
  readonly atMs: number;
};

/** Appends of this process by outcome, and the messages they stored. */
export class AppendStats {
  messages = 0;
  /** Undefined: the store has stored one since. */
  refusal: Refusal | undefined = undefined;
  readonly outcomes: Record<AppendOutcome['outcome'], number> = {
    appended: 0,
    known: 0,
    'version-conflict': 0,
    'duplicate-id': 0,
    gone: 0,
    full: 0,
  };

  /** Takes note of what an append of so many messages came to. */
  count(outcome: AppendOutcome, messages: number): void {
    this.outcomes[outcome.outcome]++;
    if (outcome.outcome === 'full') this.#refuse(outcome);
    if (outcome.outcome !== 'appended') return;
    this.messages += messages;
    this.refusal = undefined;
  }

  #refuse({ limit, bytes }: StoreFull): void {
    // A namespace that has used up its share leaves room to the others.
    if (limit !== 'namespace') this.refusal = { bytes, atMs: performance.now() };
  }
}
