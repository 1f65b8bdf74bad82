import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { withParent } from './with-parent.ts';

const ownRoot = join(import.meta.dirname, '../..');

/** Environment of a server that is not overloaded, however busy the machine is. */
export const unprotected = { POKEWIRE_MAX_EVENT_LOOP_DELAY_MS: '0' } as const;

export type ProcessOptions = {
  /** Command prefix that runs another command: `['prlimit', '--nofile=64']`. */
  readonly under?: readonly string[];
  /** Flags of node itself, such as `--import`. */
  readonly nodeFlags?: readonly string[];
  /** Whether nobody reads its standard output. */
  readonly isUnheard?: boolean;
  /** Whether its standard output is a pipe closed by the reader. */
  readonly isDeaf?: boolean;
  /** Its working directory. */
  readonly cwd?: string;
  /** Work tree of the program; absent: this one. */
  readonly root?: string | undefined;
  /** Its path in the work tree. */
  readonly program?: string;
};

/** The program in a separate process, with all its output recorded. Close it by `await using`. */
export class SpokenProcess implements AsyncDisposable {
  stdout = '';
  stderr = '';
  /** The exit code; null: a signal ended it. */
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, options: ProcessOptions = {}) {
    const { under = [], nodeFlags = [], isUnheard = false, isDeaf = false, cwd } = options;
    const { root = ownRoot, program = 'src/main.ts' } = options;
    const [command, ...rest] = [...under, process.execPath, ...nodeFlags, join(root, program), ...args];
    this.#child = spawn(...withParent(command!, rest), {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd,
      env: { PATH: process.env.PATH, ...env },
    });
    if (isDeaf) this.#child.stdout.destroy();
    if (!isUnheard) {
      this.#child.stdout.setEncoding('utf8').on('data', (text) => {
        this.stdout += text;
      });
    }
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    // `close` is emitted after all output was read.
    this.exit = once(this.#child, isUnheard ? 'exit' : 'close').then(([code]) => code as number | null);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** All of its output. */
  get said(): string {
    return this.stdout + this.stderr;
  }

  /** Resolves to the first URL when it listens; the test's own time-out is the limit. */
  async listening(): Promise<URL> {
    let hasEnded = false;
    const ended = this.exit.then(() => {
      hasEnded = true;
    });
    while (this.logged('listening').length === 0) {
      if (hasEnded) throw new Error(`the program ended before it listened:\n${this.said}`);
      await Promise.race([once(this.#child.stdout, 'data'), ended]);
    }
    return new URL(this.logged('listening')[0].urls[0]);
  }

  /** Its log lines with this message. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every shape
  logged(msg: string): any[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter((line) => line.msg === msg);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGKILL');
    await this.exit;
  }
}
