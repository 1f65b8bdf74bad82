/** A message that the server acknowledged. */
export type Acknowledged = {
  /** Unique text by which the message is recognised. */
  readonly mark: string;
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
};

/** Messages that the server acknowledged, and contradictions in them. */
export class LogBook {
  readonly acknowledged = new Map<number, Acknowledged>();
  /** Every message sent, answered or not. */
  readonly sent = new Set<string>();
  readonly problems: string[] = [];
  problemCount = 0;
  /** Number of requests without an answer. */
  unanswered = 0;
  readonly #places = new Set<string>();

  acknowledge(message: Acknowledged): void {
    const { globalPosition, stream, position, mark } = message;
    const place = `${stream}/${position}`;
    const before = this.acknowledged.get(globalPosition);
    if (before !== undefined) this.fail(`${globalPosition} was given to ${before.mark} and ${mark}`);
    if (this.#places.has(place)) this.fail(`${place} was given twice, also to ${mark}`);
    this.acknowledged.set(globalPosition, message);
    this.#places.add(place);
  }

  fail(problem: string): void {
    this.problemCount++;
    if (this.problems.length < 50) this.problems.push(problem);
  }
}
