import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect } from 'vitest';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** The program as a process of its own, whose every word is kept. Close it by `await using`. */
export class SpokenProcess implements AsyncDisposable {
  stdout = '';
  stderr = '';
  /** The exit code; null: a signal ended it. */
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...env },
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    this.exit = once(this.#child, 'close').then(([code]) => code as number | null);
  }

  /** Everything it said. */
  get said(): string {
    return this.stdout + this.stderr;
  }

  /** Resolves to the first URL when it listens. */
  async listening(): Promise<URL> {
    // A start takes as long as the machine lets it; the test's own time-out is the limit.
    await expect.poll(() => this.logged('listening'), { timeout: 50_000 }).toHaveLength(1);
    return new URL((this.logged('listening')[0] as { urls: string[] }).urls[0]!);
  }

  /** Its log lines with this message. */
  logged(msg: string): unknown[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter((line) => line.msg === msg);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }
}
