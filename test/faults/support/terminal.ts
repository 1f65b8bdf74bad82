import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { freePort } from '../../support/free-port.ts';
import { ask } from './ask.ts';
import { poll } from './server.ts';

const script = new URL('terminal.py', import.meta.url).pathname;
const main = new URL('../../../src/main.ts', import.meta.url).pathname;

export const hasPython = spawnSync('python3', ['-c', 'import pty'], { stdio: 'ignore' }).status === 0;

/** A server that writes to a terminal or pipe that nobody reads before {@link read}. Close it by `await using`. */
export class TerminalServer implements AsyncDisposable {
  said = '';
  readonly url: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;

  static async start(output: 'terminal' | 'pipe'): Promise<TerminalServer> {
    const server = new TerminalServer(output, await freePort());
    await poll(() =>
      ask(`${server.url}/health`).then(
        ({ status }) => status,
        () => undefined,
      ),
    ).toBe(200);
    return server;
  }

  private constructor(output: string, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    const args = [script, output, process.execPath, main, '--host', '127.0.0.1', '--port', String(port)];
    this.#child = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.said += text;
    });
  }

  read(): void {
    this.#child.stdin.write('read\n');
  }

  /** Closes it without ever reading. */
  close(): void {
    this.#child.stdin.write('close\n');
  }

  /** Sends SIGTERM; the exit code is reported. */
  stop(): void {
    this.#child.stdin.write('stop\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }
}
