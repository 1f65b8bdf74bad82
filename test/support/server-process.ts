import { expect } from 'vitest';
import { Exposition } from './exposition.ts';
import { SpokenProcess, unprotected } from './spoken-process.ts';

/** The server in a separate process on a free port. Close it by `await using`. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #process: SpokenProcess;

  /** Resolves when it listens on this address. */
  static async start(
    flags: readonly string[] = [],
    address = '127.0.0.1',
    nodeFlags: readonly string[] = [],
  ): Promise<ServerProcess> {
    const started = new SpokenProcess(
      flags,
      { ...unprotected, POKEWIRE_HOST: address, POKEWIRE_PORT: '0' },
      { nodeFlags },
    );
    const { origin } = await started.listening();
    return new ServerProcess(started, origin);
  }

  private constructor(started: SpokenProcess, url: string) {
    this.#process = started;
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

  /** Resolves when this many subscriptions are open by the server's own count. */
  async untilSubscriptions(count: number): Promise<void> {
    const read = async () =>
      new Exposition(await (await fetch(`${this.url}/metrics`)).text()).value('pokewire_subscriptions');
    await expect.poll(read, { timeout: 20_000, interval: 20 }).toBe(count);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Kills it like a crash. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#process.exit;
  }
}
