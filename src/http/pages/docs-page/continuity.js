import { number } from '../common/format.js';
import { endingText } from './endings.js';

/** Follows the named events of a stream: its log, where it could not resume, and proof that nothing is missing. */
export class Continuity {
  /** Global position up to which everything was delivered, or did not need to be. */
  #upTo = 0;
  /** Number of pokes on this connection. */
  #count = 0;
  #beginsAfter;
  #isResumed = false;
  #epoch;
  #shown;

  /**
   * `shown.note(text)` adds a line between pokes, `shown.beginLog()` separates them from those of an earlier log,
   * `shown.proof(proof)` shows the result of a heartbeat.
   */
  constructor(shown) {
    this.#shown = shown;
  }

  /** Starts with another subscription. `beginsAfter(head)` returns the global position after which it starts. */
  begin(beginsAfter) {
    this.#beginsAfter = beginsAfter;
    this.#isResumed = false;
    this.#shown.proof(undefined);
  }

  /** A reconnected stream of the same log resumes where it was, because its cursor names the log. */
  hello({ epoch, head }) {
    const isOtherLog = this.#epoch !== undefined && this.#epoch !== epoch;
    if (isOtherLog) this.#shown.beginLog();
    if (isOtherLog || !this.#isResumed) this.#upTo = this.#beginsAfter(head);
    this.#isResumed = true;
    this.#epoch = epoch;
    this.#count = 0;
  }

  reset({ reason, lost }) {
    this.#upTo = 0;
    const range = lost.to === null ? `${number(lost.from)} and later` : `${number(lost.from)} to ${number(lost.to)}`;
    const text =
      reason === 'forgotten'
        ? `Not delivered: global positions ${range}. Retention deleted them first.`
        : `Not delivered from the earlier log: global positions ${range}.`;
    this.#shown.note(text);
  }

  poke({ globalPosition }) {
    this.#upTo = globalPosition;
    this.#count++;
  }

  heartbeat({ head, count }) {
    const isComplete = head <= this.#upTo && count === this.#count;
    this.#shown.proof({ isComplete, head, sent: count, arrived: this.#count });
  }

  end({ code }) {
    this.#shown.note(endingText(code));
  }
}
