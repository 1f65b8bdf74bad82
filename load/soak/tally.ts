/** Events of a run: counts and problems. */
export class Tally {
  readonly counts = {
    appends: 0,
    messages: 0,
    namespaces: 0,
    connections: 0,
    passersBy: 0,
    pokes: 0,
    conflatedPokes: 0,
    cuts: 0,
    stalls: 0,
    resets: 0,
    /** Ended by the server after a stall. */
    endsStalled: 0,
    endsDeleted: 0,
    /**
     * Requests and subscriptions of the regular load that an attack delayed or caused to be refused, and that were
     * repeated.
     */
    putOff: 0,
  };
  /** Rounds of the attackers, by title of the attack. */
  readonly rounds: Record<string, number> = {};
  /** Only the first ones, because a repeated fault adds no information. */
  readonly problems: string[] = [];
  #problems = 0;

  /** Number of problems, including those not kept. */
  get problemCount(): number {
    return this.#problems;
  }

  problem(text: string): void {
    this.#problems++;
    if (this.problems.length < 50) this.problems.push(text);
  }
}
