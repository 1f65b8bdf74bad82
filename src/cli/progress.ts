import type { Terminal } from './terminal.ts';

const stepMs = 100;

export function countText(count: number, word: string): string {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}

export function messagesText(count: number): string {
  return countText(count, 'message');
}

export function bytesText(bytes: number): string {
  return countText(bytes, 'byte');
}

/** Shows progress on one line of a terminal, which it rewrites. Writes nothing where `stderr` is not a terminal. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #verb: string;
  readonly #textOf: (count: number) => string;
  #toldAtMs = 0;

  constructor(terminal: Terminal, verb: string, textOf = messagesText) {
    this.#terminal = terminal;
    this.#verb = verb;
    this.#textOf = textOf;
  }

  /** Shows the current count, at most ten times a second. */
  tell(count: number): void {
    const nowMs = performance.now();
    if (!this.#terminal.isWatched || nowMs - this.#toldAtMs < stepMs) return;
    this.#toldAtMs = nowMs;
    this.#terminal.stderr.write(`\r${this.#verb} ${this.#textOf(count)}`);
  }

  /** Clears the line and writes the sentence in its place. */
  end(sentence = ''): void {
    if (this.#terminal.isWatched) this.#terminal.stderr.write(`\r\u001b[K${sentence}`);
  }
}
