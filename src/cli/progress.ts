import type { Terminal } from './terminal.ts';

const stepMs = 100;

/** A count of messages, as people read it. */
export function messagesText(count: number): string {
  return `${count.toLocaleString('en')} ${count === 1 ? 'message' : 'messages'}`;
}

/** A number of bytes, as people read it. */
export function bytesText(bytes: number): string {
  return `${bytes.toLocaleString('en')} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

/** Tells a terminal how far a command is, on one line that it writes anew; tells nobody else. */
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

  /** Says how many there are by now, at most ten times a second. */
  tell(count: number): void {
    const nowMs = performance.now();
    if (!this.#terminal.isWatched || nowMs - this.#toldAtMs < stepMs) return;
    this.#toldAtMs = nowMs;
    this.#terminal.stderr.write(`\r${this.#verb} ${this.#textOf(count)}`);
  }

  /** Takes the line away, and says this in its place. */
  end(sentence = ''): void {
    if (this.#terminal.isWatched) this.#terminal.stderr.write(`\r\u001b[K${sentence}`);
  }
}
