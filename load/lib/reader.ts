import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { hurry, loadCore, pinned } from './machine.ts';
import type { Percentiles } from './statistics.ts';
import type { RunningTarget, Target } from './target.ts';

const source = join(import.meta.dirname, '../reader/reader.c');

/** Why the reader cannot run here; undefined: it can. */
export const readerMissing: string | undefined =
  process.platform !== 'linux'
    ? 'the reader needs Linux'
    : spawnSync('cc', ['--version']).status === 0
      ? undefined
      : 'there is no C compiler';

let compiled: string | undefined;

/** Compiles the reader once per run. */
function binary(): string {
  if (compiled !== undefined) return compiled;
  const folder = mkdtempSync(join(tmpdir(), 'pokewire-reader-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  compiled = join(folder, 'reader');
  execFileSync('cc', ['-O2', '-o', compiled, source]);
  return compiled;
}

/** Result of one `publish`. Latencies are of all deliveries, from the send of the append to the read. */
export type Published = {
  readonly published: number;
  readonly deliveries: number;
  /** Time from the first append to the last delivery. */
  readonly seconds: number;
  /** Share of time in which the reader was busy. Near 1, the reader is the limit rather than the server. */
  readonly busyShare: number;
  readonly latencyMs: Percentiles & { readonly p90: number };
  readonly ackMs: Percentiles & { readonly p90: number };
};

type Answer = Published & {
  readonly failed: number;
  readonly lost: number;
  readonly disordered: number;
  readonly strange: number;
  readonly closed: number;
};

/** Where subscribers and writers connect: nodes of one log, used round robin. */
export type Nodes = { readonly subscribe: readonly RunningTarget[]; readonly append: readonly RunningTarget[] };

/** Subscribers and writers of one server or several nodes, in one process written in C: see `load/reader/reader.c`. */
export class Reader {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor({ subscribe, append }: Nodes, target: Target) {
    const subscribePath = target.subscribePath('category=account');
    const portsOf = (nodes: readonly RunningTarget[]) => nodes.map(({ port }) => port).join(',');
    const args = [portsOf(subscribe), portsOf(append), subscribePath, target.appendPath('account'), target.appendBody];
    const order = target.order === 'consecutive' ? 'ordered' : 'unordered';
    const [command, all] = pinned(loadCore, binary(), [...args, order]);
    this.#process = spawn(command, all, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    hurry(this.#process.pid!, -15);
    // An answer that does not come says so.
    this.#process.stdin!.on('error', () => {});
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Adds subscribers. Resolves, when each has its response head, to the milliseconds that took. */
  async connect(count: number): Promise<number> {
    const { ms, refused } = await this.#call<{ ms: number; refused: number }>(`connect ${count}`);
    if (refused > 0) throw new Error(`${refused} of ${count} subscribers were refused`);
    return ms;
  }

  /**
   * Appends for `durationMs`, at `perSecond` or, if 0, each writer as soon as it is answered. Throws unless every
   * subscriber received every message exactly once.
   */
  async publish(order: { connections: number; perSecond: number; durationMs: number }): Promise<Published> {
    const { connections, perSecond, durationMs } = order;
    const answer = await this.#call<Answer>(`publish ${connections} ${perSecond} ${durationMs}`);
    for (const wrong of ['failed', 'lost', 'disordered', 'strange', 'closed'] as const) {
      if (answer[wrong] > 0) throw new Error(`${answer[wrong]} ${wrong} of ${answer.published} appends`);
    }
    return answer;
  }

  async leave(): Promise<void> {
    await this.#call('leave');
  }

  /** Ends the process and all of its connections. */
  stop(): void {
    this.#process.kill('SIGKILL');
    this.#lines.close();
  }

  async #call<T>(command: string): Promise<T> {
    this.#process.stdin!.write(`${command}\n`);
    const { done, value } = await this.#answers.next();
    if (done === true) throw new Error(`the reader ended at "${command}"`);
    return JSON.parse(value) as T;
  }
}
