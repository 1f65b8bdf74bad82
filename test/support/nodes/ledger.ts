/** A message as the store has it. */
export type Row = {
  readonly id: string;
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
};

/** What a writer was answered, as far as it says. */
export type Answered = { readonly position?: number; readonly globalPosition?: number };

type Sent = Answered & { readonly stream: string; readonly sentMs: number };

/** What all writers did, to be compared with the store at the end. */
export class Ledger {
  readonly #stored = new Map<string, Sent>();
  /** Of transactions that broke at their commit: either outcome is right. */
  readonly #unsure = new Set<string>();
  rolledBack = 0;
  /** Requests that did not say that they stored anything, and were sent again. */
  unanswered = 0;
  readonly #counts = new Map<string, number>();

  get stored(): number {
    return this.#stored.size;
  }

  /** The least number of messages of each stream, by the positions that were answered. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** A message is stored. `sentMs`: when the statement or request that stored it was sent, by `performance.now()`. */
  store(id: string, stream: string, sentMs: number, answered: Answered = {}): void {
    this.#stored.set(id, { stream, sentMs, ...answered });
    const count = (answered.position ?? -1) + 1;
    if (count > (this.#counts.get(stream) ?? 0)) this.#counts.set(stream, count);
  }

  doubt(id: string): void {
    this.#unsure.add(id);
  }

  /** When the message was sent; before everything if its writer never knew that it was stored. */
  sentMs(id: string): number {
    return this.#stored.get(id)?.sentMs ?? 0;
  }

  /** What the store has otherwise than the writers were told. `rows` are in the order of the log. */
  problems(rows: readonly Row[]): string[] {
    const problems: string[] = [];
    const found = new Map(rows.map((row) => [row.id, row]));
    if (found.size !== rows.length) problems.push(`${rows.length - found.size} messages are stored twice`);
    for (const [id, { stream, position, globalPosition }] of this.#stored) {
      const row = found.get(id);
      if (row === undefined) problems.push(`${stream}/${position} was acknowledged and is not stored`);
      else if (
        row.stream !== stream ||
        row.position !== (position ?? row.position) ||
        row.globalPosition !== (globalPosition ?? row.globalPosition)
      ) {
        problems.push(`${stream}/${position}@${globalPosition} is ${row.stream}/${row.position}@${row.globalPosition}`);
      }
    }
    const next = new Map<string, number>();
    for (const { id, stream, position } of rows) {
      if (!this.#stored.has(id) && !this.#unsure.has(id)) problems.push(`${stream}/${position} was never acknowledged`);
      if (position !== (next.get(stream) ?? 0)) problems.push(`${stream}/${position} follows ${next.get(stream)}`);
      next.set(stream, position + 1);
    }
    return problems;
  }
}
