import { setTimeout as sleep } from 'node:timers/promises';
import { Publishers, Subscribers } from './child.ts';
import { sumOf } from './exposition.ts';
import { coreBusySeconds, cpuSeconds, residentKib, serverCore } from './machine.ts';
import type { PaceOrder, PublishOrder, PublishReport } from './publisher-process.ts';
import { Reader } from './reader.ts';
import type { Connected } from './subscriber-process.ts';
import { oneMessage, type RunningTarget, type Target } from './target.ts';
import { takeTurn } from './turn-taking.ts';

/** Number of streams, written round robin. */
const streams = 1_000;
const batchSize = 1_000;

/** A body with this many messages. */
export function arrayOf(message: string, count: number): string {
  return `[${new Array(count).fill(message).join(',')}]`;
}

/** One server under load, with its subscribers and writers. Everything is started anew for each repeat. */
export class Bench {
  readonly target: Target;
  readonly server: RunningTarget;
  #reader: Reader | undefined = undefined;
  #subscribers: Subscribers | undefined = undefined;
  #publishers: Publishers | undefined = undefined;

  private constructor(target: Target, server: RunningTarget) {
    this.target = target;
    this.server = server;
  }

  /** Starts the target, runs the measurement, and ends every process, even if it fails. */
  static async run<T>(target: Target, measure: (bench: Bench) => Promise<T>, flags: string[] = []): Promise<T> {
    const endTurn = await takeTurn();
    try {
      const bench = new Bench(target, await target.start(flags));
      try {
        return await measure(bench);
      } finally {
        bench.#reader?.stop();
        bench.#subscribers?.stop();
        bench.#publishers?.stop();
        await bench.server.stop();
      }
    } finally {
      endTurn();
    }
  }

  /** The load client in C, for measurements that a slower client would limit. */
  get reader(): Reader {
    this.#reader ??= new Reader({ subscribe: [this.server], append: [this.server] }, this.target);
    return this.#reader;
  }

  /** The load client in Node, which compares every byte, for subscribers with different selections. */
  get subscribers(): Subscribers {
    this.#subscribers ??= new Subscribers();
    return this.#subscribers;
  }

  get publishers(): Publishers {
    this.#publishers ??= new Publishers();
    return this.#publishers;
  }

  /** Connects subscribers of a category and waits until they receive pokes. Subscribers with the same name receive the same. */
  async subscribe(count: number, selector = 'category=account', name = 'all'): Promise<Connected> {
    const { target, server } = this;
    const path = target.subscribePath(selector);
    const group = { name, port: server.port, path, count, order: target.order };
    const connected = await this.subscribers.connect([group]);
    if (connected.refused > 0) throw new Error(`${target.name} refused ${connected.refused} of ${count} subscribers`);
    return connected;
  }

  /** Appends of one message each, in the target's format. */
  publish(order: Partial<PublishOrder> & { connections: number }, category = 'account'): Promise<PublishReport> {
    const { target, server } = this;
    const path = target.appendPath(category);
    return this.publishers.publish({ port: server.port, path, streams, body: target.appendBody, ...order });
  }

  /** Appends messages to a category, 1,000 per request, over 1,000 streams. */
  async fill(messages: number, message = oneMessage, category = 'account'): Promise<PublishReport> {
    const body = arrayOf(message, batchSize);
    return this.publish({ connections: 2, count: Math.ceil(messages / batchSize), body }, category);
  }

  /** Waits until every subscriber has this many frames, and checks that nothing else was received. */
  async awaitAll(frames: number, timeoutMs = 20_000, name = 'all'): Promise<{ completedAtUs: number }> {
    const { complete, completedAtUs } = await this.subscribers.awaitFrames({ name, frames, timeoutMs });
    const { least, most, problems } = await this.subscribers.report(name);
    if (problems.length > 0) throw new Error(problems.join('; '));
    if (!complete || most > frames) throw new Error(`of ${frames} pokes subscribers have ${least} to ${most}`);
    return { completedAtUs };
  }

  /** The content of the server's `/metrics`. Only for targets that have it. */
  async scrape(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.server.port}/metrics`)).text();
  }

  /** A counter of Pokewire's `/metrics`, summed over its labels; NaN if the server has none. */
  async metric(name: string): Promise<number> {
    return this.target.hasMetrics ? sumOf(await this.scrape(), name) : Number.NaN;
  }

  /** Appends at a fixed rate, on connections that do not wait for answers. */
  pace(order: Pick<PaceOrder, 'perSecond' | 'durationMs' | 'connections'> & { body?: string }, category = 'account') {
    const { target, server } = this;
    const path = target.appendPath(category);
    return this.publishers.pace({ port: server.port, path, streams, body: target.appendBody, ...order });
  }

  /** Starts measuring CPU and wall-clock time, of the load's two processes or of the given ones. */
  meter(...load: number[]): Meter {
    return new Meter(this.server.pid, ...(load.length > 0 ? load : [this.subscribers.pid, this.publishers.pid]));
  }

  /** Resident memory of the server once it is stable, KiB. */
  async settledKib(settleMs = 1_500): Promise<number> {
    await sleep(settleMs);
    return residentKib(this.server.pid);
  }
}

/** CPU time of the server and its load between two moments. */
export class Meter {
  readonly #pids: readonly number[];
  readonly #cpu: readonly number[];
  readonly #core = coreBusySeconds(serverCore);
  readonly #startMs = performance.now();

  constructor(...pids: readonly number[]) {
    this.#pids = pids;
    this.#cpu = pids.map(cpuSeconds);
  }

  /**
   * Shares of one core. The server is the bottleneck if its share is near 1, or the load's is well below.
   * `strangerShare` is the share that other processes took of the server's core; a repeat in which it is large says
   * little about throughput.
   */
  read() {
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const [server = 0, subscribers = 0, publishers = 0] = this.#pids.map((pid, at) => cpuSeconds(pid) - this.#cpu[at]!);
    const strangers = coreBusySeconds(serverCore) - this.#core - server;
    return {
      seconds,
      serverCpuSeconds: server,
      serverShare: server / seconds,
      loadShare: (subscribers + publishers) / seconds,
      strangerShare: Math.max(0, strangers / seconds),
    };
  }
}
