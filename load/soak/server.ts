import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage, freePort } from '../lib/collect-garbage.ts';
import { residentKib } from '../lib/machine.ts';
import { NoHelloError, passingStatuses, SoakConnection, type Subscribing } from './connection.ts';
import type { Tally } from './tally.ts';

/** The answer; `body` is parsed when it is JSON. */
// biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
export type Answer = { readonly status: number; readonly text: string; readonly body: any };

type RequestParts = { readonly method?: string; readonly token?: string; readonly body?: string };

/** Resources that the server holds while idle. */
export type Rest = {
  readonly residentMib: number;
  readonly heapMib: number;
  /** Memory of JavaScript objects outside the heap, mainly buffers. */
  readonly externalMib: number;
  readonly descriptors: number;
  readonly subscriptions: number;
  /** Objects on loan from its pools. */
  readonly leased: number;
  /** Idle objects that its pools may keep. */
  readonly pooled: number;
  /** Current reads. */
  readonly reads: number;
  readonly storeBytes: number;
};

const adminToken = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;
const mib = 1_048_576;
/** Time by which everything must be released: a full pool shrinks by a quarter per second. */
const returnTimeoutMs = 20_000;
const pollMs = 100;
/** Delay before a request refused because of an attack is repeated. */
const comeAgainMs = 500;

/** The server in a separate process, and requests to it. Close it by `await using`. */
export class SoakServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #inspectPort: number;
  #agent = new Agent({ keepAlive: true });
  #attack: { readonly signal: AbortSignal; readonly tally: Tally } | undefined = undefined;

  /** Starts it from a work tree; resolves when it listens. */
  static async start(root: string, flags: readonly string[]): Promise<SoakServer> {
    const inspectPort = await freePort();
    const own = ['--host=127.0.0.1', '--port=0', `--token=${adminToken}`, '--log-level=silent'];
    const args = [`--inspect-port=${inspectPort}`, join(root, 'src/main.ts'), ...own, ...flags];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      // A clean environment, so that exported variables cannot change the server.
      env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    });
    // Whatever ends this process must not leave the server running.
    const killed = () => child.kill('SIGKILL');
    process.once('exit', killed);
    child.once('exit', () => process.off('exit', killed));
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const port = /http:\/\/[^\s:]+:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
    return new SoakServer(child, await promise, inspectPort);
  }

  private constructor(child: ChildProcess, port: number, inspectPort: number) {
    this.#child = child;
    this.port = port;
    this.#inspectPort = inspectPort;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get residentMib(): number {
    return residentKib(this.pid) / 1_024;
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Until the signal, an attack may cause refusals of new requests, which are then repeated and counted. */
  bearAttack(signal: AbortSignal, tally: Tally): void {
    this.#attack = { signal, tally };
  }

  async request(path: string, parts: RequestParts = {}): Promise<Answer> {
    for (;;) {
      const wasAttacked = this.#isAttacked;
      const answer = await this.#ask(path, parts);
      // An attack may have started and ended during the request.
      if (!(wasAttacked || this.#isAttacked) || !passingStatuses.has(answer.status)) return answer;
      await this.#comeAgain();
    }
  }

  /** Opens a subscription; rejects if its hello does not arrive. */
  async subscribe(subscribing: Subscribing): Promise<SoakConnection> {
    for (;;) {
      const wasAttacked = this.#isAttacked;
      try {
        return await SoakConnection.open(this.port, subscribing);
      } catch (error) {
        const isExcused = wasAttacked || this.#isAttacked;
        if (!(isExcused && error instanceof NoHelloError && error.passes)) throw error;
        await this.#comeAgain();
      }
    }
  }

  get #isAttacked(): boolean {
    return this.#attack?.signal.aborted === false;
  }

  async #comeAgain(): Promise<void> {
    this.#attack!.tally.counts.putOff++;
    await sleep(comeAgainMs);
  }

  #ask(path: string, { method = 'GET', token = adminToken, body }: RequestParts): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const options = { host: '127.0.0.1', port: this.port, path, method, headers, agent: this.#agent };
    const request = httpRequest(options, (response) => {
      const isJson = response.headers['content-type'] === 'application/json';
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode!, text, body: isJson ? JSON.parse(text) : undefined }),
      );
    });
    request.on('error', reject);
    request.end(body);
    return promise;
  }

  /** Calls a method of `/rpc` as operator; throws if it is refused. */
  async administer(...call: unknown[]): Promise<Answer['body']> {
    const { status, text, body } = await this.request('/rpc', { method: 'POST', body: JSON.stringify(call) });
    if (status !== 200) throw new Error(`${call[0]} was answered ${status} ${text}`);
    return body;
  }

  /** Sums of metrics by name, over all labels or over those whose text contains `label`. */
  async metrics(): Promise<(name: string, label?: string) => number> {
    const { status, text } = await this.request('/metrics');
    if (status !== 200) throw new Error(`/metrics was answered ${status} ${text}`);
    const lines = text.split('\n');
    return (name, label = '') =>
      lines
        .filter((line) => line.startsWith(name) && /^[ {]/.test(line.slice(name.length)) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** Waits until the server holds no more than at first, and measures it. */
  async rest(first?: Rest): Promise<Rest> {
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: false });
    await this.#until(async () => (await this.metrics())('pokewire_subscriptions') === 0);
    // Pools shrink slowly, and the objects they keep would hide a leak.
    await this.#until(
      async () => (await this.metrics())('pokewire_pool_size') <= (first?.pooled ?? Number.POSITIVE_INFINITY),
    );
    // Connections of requests and of the inspector take a moment to close.
    await this.#until(() => this.descriptors <= (first?.descriptors ?? Number.POSITIVE_INFINITY));
    const { descriptors } = this;
    // The second collection frees what the first one finalized.
    for (let times = 0; times < 2; times++) await collectGarbage(this.pid, this.#inspectPort);
    const metric = await this.metrics();
    const { residentMib } = this;
    this.#agent = new Agent({ keepAlive: true });
    return {
      residentMib,
      heapMib: metric('nodejs_heap_size_used_bytes') / mib,
      externalMib: metric('nodejs_external_memory_bytes') / mib,
      descriptors,
      subscriptions: metric('pokewire_subscriptions'),
      leased: metric('pokewire_pool_leased'),
      pooled: metric('pokewire_pool_size'),
      reads: metric('pokewire_reads'),
      storeBytes: metric('pokewire_store_bytes'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), returnTimeoutMs);
    await ended;
    clearTimeout(force);
  }

  /** Waits for a bounded time: resources not released by then show in the numbers. */
  async #until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + returnTimeoutMs;
    while (!(await isSo()) && performance.now() < deadlineMs) await sleep(pollMs);
  }
}
