/** A message in the store. */
export type Row = {
  readonly id: string;
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
};

/** The answer to a writer, as far as it is known. */
export type Answered = { readonly position?: number; readonly globalPosition?: number };

type Sent = Answered & { readonly stream: string; readonly sentMs: number };

/** Actions of all writers, to be compared with the store at the end. */
export class Ledger {
  readonly #stored = new Map<string, Sent>();
  /** Messages of transactions that broke during their commit, for which either outcome is right. */
  readonly #unsure = new Set<string>();
  rolledBack = 0;
  /** Requests without a confirmation, which were repeated. */
  unanswered = 0;
  readonly #counts = new Map<string, number>();

  get stored(): number {
    return this.#stored.size;
  }

  /** Minimum number of messages in each stream, by the positions in answers. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Records a stored message. `sentMs`: when the statement or request was sent, by `performance.now()`. */
  store(id: string, stream: string, sentMs: number, answered: Answered = {}): void {
    this.#stored.set(id, { stream, sentMs, ...answered });
    const count = (answered.position ?? -1) + 1;
    if (count > (this.#counts.get(stream) ?? 0)) this.#counts.set(stream, count);
  }

  doubt(id: string): void {
    this.#unsure.add(id);
  }

  /** When the message was sent; the earliest time if its writer never learned that it was stored. */
  sentMs(id: string): number {
    return this.#stored.get(id)?.sentMs ?? 0;
  }

  /** Differences between the store and the answers to writers. `rows`: in log order. */
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
