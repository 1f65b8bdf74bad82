import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { Exposition } from './exposition.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** The server as a process of its own, on a free port. Close it by `await using`. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child;

  /** Resolves when it listens on this address. */
  static async start(flags: readonly string[] = [], address = '127.0.0.1'): Promise<ServerProcess> {
    const args = [main, '--host', address, '--port', '0', ...flags];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    for await (const line of createInterface(child.stdout)) {
      const { msg, urls } = JSON.parse(line) as { msg: string; urls: string[] };
      if (msg !== 'listening') continue;
      child.stdout.resume();
      return new ServerProcess(child, urls[0]!);
    }
    throw new Error(`the server did not start:\n${said}`);
  }

  private constructor(child: ReturnType<typeof spawn>, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** Appends a message; resolves to its global position. */
  async append(stream: string): Promise<number> {
    const response = await fetch(`${this.url}/streams/${stream}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"type":"Deposited","data":{}}',
    });
    expect(response.status).toBe(201);
    return ((await response.json()) as { globalPosition: number }).globalPosition;
  }

  /** Resolves when so many subscriptions are open by the server's own count. */
  async untilSubscriptions(count: number): Promise<void> {
    const read = async () =>
      new Exposition(await (await fetch(`${this.url}/metrics`)).text()).value('pokewire_subscriptions');
    await expect.poll(read, { timeout: 20_000, interval: 20 }).toBe(count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
