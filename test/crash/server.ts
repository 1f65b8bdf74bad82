import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { withParent } from '../support/with-parent.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** Longest time for a start. */
const startMs = 60_000;

/** A server over one file, restarted again and again. */
export class CrashedServer {
  /** Flags of each start. */
  readonly #flags: readonly string[];
  #child: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #url = Promise.withResolvers<URL>();
  #isListening = false;

  constructor(flags: readonly string[]) {
    this.#flags = flags;
    this.#url.promise.catch(() => {});
  }

  /** Resolves to the server's address once it listens. */
  get url(): Promise<URL> {
    return this.#url.promise;
  }

  /** Starts it without waiting. */
  start(): void {
    const child = spawn(...withParent(process.execPath, [main, '--port=0', ...this.#flags]), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    this.#child = child;
    let said = '';
    const url = this.#url;
    let hasListened = false;
    const hear = (text: string) => {
      if (hasListened) return;
      said += text;
      const listening = /"urls":\["([^"]+)"/.exec(said);
      if (listening === null || this.#child !== child) return;
      hasListened = true;
      this.#isListening = true;
      url.resolve(new URL(listening[1]!));
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.on('close', (code) => {
      if (code !== null && code !== 0) url.reject(new Error(`the server ended with ${code}:\n${said}`));
    });
  }

  /** Resolves when it listens; rejects if it ends before that. */
  async listening(): Promise<URL> {
    const late = AbortSignal.timeout(startMs);
    const ended = once(late, 'abort').then(() => {
      throw new Error(`the server did not listen within ${startMs} ms`);
    });
    return Promise.race([this.url, ended]);
  }

  /** Ends it by the signal. The next start waits for one that is not listening yet. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child!;
    const closed = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
    child.kill(signal);
    await closed;
  }

  /** Makes later callers wait for the address of the next start. */
  forgetUrl(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    this.#url = Promise.withResolvers();
    this.#url.promise.catch(() => {});
  }
}
