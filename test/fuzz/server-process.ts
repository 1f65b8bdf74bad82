import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpokenProcess } from '../support/spoken-process.ts';

const pollMs = 50;

/** The server in a separate process whose memory and sockets can be inspected. Close it by `await using`. */
export class ServerProcess extends SpokenProcess {
  /** Whether it is still running. */
  isAlive = true;
  #inspector: WebSocket | undefined = undefined;
  #calls = 0;

  /** Starts it and resolves when it listens. */
  static async start(...flags: string[]): Promise<ServerProcess> {
    const server = new ServerProcess(['--port', '0', '--host', '127.0.0.1', ...flags]);
    await server.until(() => server.port > 0, 'the server listens');
    const url = /ws:\/\/\S+/.exec(server.stderr)![0];
    server.#inspector = new WebSocket(url);
    await once(server.#inspector, 'open');
    return server;
  }

  private constructor(flags: readonly string[]) {
    super(flags, {}, { nodeFlags: ['--inspect=127.0.0.1:0'] });
    void this.exit.then(() => {
      this.isAlive = false;
    });
  }

  /** 0 before it listens. */
  get port(): number {
    return Number(/ {2}http:\/\/[^:\s]+:(\d+)\s/.exec(this.stderr)?.[1] ?? 0);
  }

  /** Log lines since the last call. */
  takeLog(): string[] {
    const end = this.stdout.lastIndexOf('\n') + 1;
    const lines = this.stdout.slice(0, end).split('\n');
    this.stdout = this.stdout.slice(end);
    return lines;
  }

  /** Standard error without its banner and the inspector's lines: warnings, and how it died. */
  get complaints(): string {
    const [, afterWelcome = ''] = this.stderr.split('Try it in a browser:');
    return afterWelcome
      .split('\n')
      .slice(1)
      .filter((line) => line !== '' && !/debugger|inspector/i.test(line))
      .join('\n');
  }

  /** Polls until the condition holds; throws if the server dies or after half a minute. */
  async until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    for (let tries = 0; tries < 30_000 / pollMs; tries++) {
      if (!this.isAlive) throw new Error(`the server ended before ${what}: ${this.stderr}`);
      if (await holds()) return;
      await sleep(pollMs);
    }
    throw new Error(`half a minute passed before ${what}`);
  }

  /** Bytes in use after two collections, because the first one's finalizers create garbage. */
  async memory(): Promise<{ heap: number; external: number; resident: number }> {
    for (let collection = 0; collection < 2; collection++) await this.#call('HeapProfiler.collectGarbage', {});
    const { heapUsed, external, rss } = await this.evaluate<NodeJS.MemoryUsage>('process.memoryUsage()');
    return { heap: heapUsed, external, resident: rss };
  }

  /** Open connections, as the process itself counts them. */
  sockets(): Promise<number> {
    return this.evaluate<number>("process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap').length");
  }

  /** Evaluates an expression in the process. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.#call('Runtime.evaluate', { expression, returnByValue: true });
    return (answer as { result: { value: T } }).result.value;
  }

  async stop(): Promise<number | null> {
    this.#inspector?.close();
    this.kill('SIGTERM');
    return this.exit;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#inspector?.close();
    await super[Symbol.asyncDispose]();
  }

  #call(method: string, params: object): Promise<unknown> {
    const id = ++this.#calls;
    const inspector = this.#inspector!;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const answered = new AbortController();
    const { signal } = answered;
    const receive = ({ data }: MessageEvent) => {
      const answer = JSON.parse(String(data));
      if (answer.id === id) resolve(answer.result);
    };
    inspector.addEventListener('message', receive, { signal });
    inspector.addEventListener('close', () => reject(new Error('the process has gone')), { signal });
    inspector.send(JSON.stringify({ id, method, params }));
    return promise.finally(() => answered.abort());
  }
}
