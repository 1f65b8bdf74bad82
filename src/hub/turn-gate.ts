import { membersPerTurn } from '../message/turns.ts';

/** Lets a crowd through in parts, a bounded number in each turn of the event loop, so that no turn writes to thousands of sockets. */
export class TurnGate {
  /** Callers let through in this turn. */
  #passed = 0;
  readonly #waiting: (() => void)[] = [];

  /** Whether the caller may go on in this turn. */
  tryPass(): boolean {
    if (this.#passed === membersPerTurn) return false;
    if (this.#passed++ === 0) setImmediate(this.#nextTurn);
    return true;
  }

  /** Resolves when the caller may go on: at once, or in a later turn, after earlier callers. */
  async pass(): Promise<void> {
    if (this.#waiting.length > 0 || !this.tryPass()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  readonly #nextTurn = (): void => {
    const through = this.#waiting.splice(0, membersPerTurn);
    this.#passed = through.length;
    if (through.length > 0) setImmediate(this.#nextTurn);
    for (const resolve of through) resolve();
  };
}
