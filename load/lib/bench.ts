import { setTimeout as sleep } from 'node:timers/promises';
import { Publishers, Subscribers } from './child.ts';
import { coreBusySeconds, cpuSeconds, residentKib, serverCore } from './machine.ts';
import type { PublishOrder, PublishReport } from './publisher-process.ts';
import type { RunningTarget, Target } from './target.ts';

/** Streams that writers use in turn. */
const streams = 1_000;

/** One server under load, with its subscribers and writers. All of them are fresh for each repeat. */
export class Bench {
  readonly target: Target;
  readonly server: RunningTarget;
  readonly subscribers = new Subscribers();
  readonly publishers = new Publishers();

  private constructor(target: Target, server: RunningTarget) {
    this.target = target;
    this.server = server;
  }

  /** Starts the target, runs the measurement, and ends every process, also when it fails. */
  static async run<T>(target: Target, measure: (bench: Bench) => Promise<T>, flags: string[] = []): Promise<T> {
    const bench = new Bench(target, await target.start(flags));
    try {
      return await measure(bench);
    } finally {
      bench.subscribers.stop();
      bench.publishers.stop();
      await bench.server.stop();
    }
  }

  /** Connects subscribers of a category and waits until they hear. */
  async subscribe(count: number, selector = 'category=account', name = 'all'): Promise<{ ms: number }> {
    const { target, server } = this;
    const path = target.subscribePath(selector);
    const { ms, refused } = await this.subscribers.connect([
      { name, port: server.port, path, count, order: target.order },
    ]);
    if (refused > 0) throw new Error(`${target.name} refused ${refused} of ${count} subscribers`);
    return { ms };
  }

  /** Appends of one message, as the target takes them. */
  publish(order: Partial<PublishOrder> & { connections: number }, category = 'account'): Promise<PublishReport> {
    const { target, server } = this;
    const path = target.appendPath(category);
    return this.publishers.publish({ port: server.port, path, streams, body: target.appendBody, ...order });
  }

  /** A reading of a counter of Pokewire's `/metrics`, summed over its labels; NaN where the server has none. */
  async metric(name: string): Promise<number> {
    if (!this.target.hasMetrics) return Number.NaN;
    const response = await fetch(`http://127.0.0.1:${this.server.port}/metrics`);
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Begins to count CPU time and clock. */
  meter(): Meter {
    return new Meter(this.server.pid, this.subscribers.pid, this.publishers.pid);
  }

  /** Resident memory of the server once it stands still, KiB. */
  async settledKib(settleMs = 1_500): Promise<number> {
    await sleep(settleMs);
    return residentKib(this.server.pid);
  }
}

/** CPU time of the server and of its load between two moments. */
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
   * Shares of one core. The server is the bottleneck, not its load, when its share is near 1 or theirs well below.
   * `strangerShare` is what others took of the server's core: a repeat with much of it says little about throughput.
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
