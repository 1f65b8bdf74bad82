import { expect } from 'vitest';
import { Random } from '../../../load/soak/random.ts';
import type { Wish } from '../../../load/soak/wishes.ts';
import { appendOnce, writeOverHttp } from './http-writer.ts';
import { kinds, ownStreams, sharedStreams } from './kinds.ts';
import { Ledger, type Row } from './ledger.ts';
import { LogReader } from './log-reader.ts';
import { NodeProcess } from './node-process.ts';

export type LoadOptions = {
  readonly nodes: readonly NodeProcess[];
  /** Where subscribers and writers connect next; absent: any node. */
  readonly port?: () => number;
  readonly wishes?: readonly Wish[];
  /** Mean time between two appends of a writer. */
  readonly pauseMs?: number;
  /** What an earlier load wrote to the same log; absent: the log is empty. */
  readonly ledger?: Ledger;
};

const writers = 4;
const streams = [...ownStreams, ...sharedStreams];

/** Starts nodes over one store. Close them by `await using`, because what follows may fail. */
export async function startNodes(
  count: number,
  store: string,
  flags: readonly string[] = [],
): Promise<NodeProcess[] & AsyncDisposable> {
  const each = { store, flags: ['--heartbeat-ms=500', ...flags] };
  const nodes = await Promise.all(Array.from({ length: count }, () => NodeProcess.start(each)));
  const close = async () => void (await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  return Object.assign(nodes, { [Symbol.asyncDispose]: close });
}

/**
 * Several nodes under load during a disturbance of nodes or store. Writers repeat unanswered requests, and subscribers
 * resume with their last id at any available node. Close it by `await using`.
 */
export class NodesUnderLoad implements AsyncDisposable {
  readonly ledger: Ledger;
  readonly readers: readonly LogReader[];
  readonly #problems: string[] = [];
  readonly #stop = new AbortController();
  readonly #url: () => string;
  readonly #nodes: readonly NodeProcess[];
  #work: Promise<unknown> = Promise.resolve();

  static async start(options: LoadOptions): Promise<NodesUnderLoad> {
    const load = new NodesUnderLoad(options);
    // A few at a time, to fit into a proxy's queue of new connections.
    for (let from = 0; from < load.readers.length; from += 50) {
      await Promise.all(load.readers.slice(from, from + 50).map((reader) => reader.connect()));
    }
    load.#begin(options);
    return load;
  }

  private constructor(options: LoadOptions) {
    const { nodes, port, wishes = kinds.filter(({ stalls }) => !stalls), ledger = new Ledger() } = options;
    this.ledger = ledger;
    const random = new Random(1);
    const anyPort = port ?? (() => random.pick(nodes).port);
    this.#nodes = nodes;
    this.#url = () => `http://127.0.0.1:${anyPort()}`;
    const problem = (text: string) => void this.#problems.push(text);
    this.readers = wishes.map((wish) => new LogReader(wish, { port: anyPort, random, problem }));
  }

  #begin({ pauseMs = 5 }: LoadOptions): void {
    const { ledger } = this;
    const { signal } = this.#stop;
    const random = new Random(2);
    const options = { url: this.#url, streams, ledger, random, pauseMs };
    this.#work = Promise.all([
      ...Array.from({ length: writers }, () => writeOverHttp(options, signal)),
      ...this.readers.map((reader) => reader.hold(signal)),
    ]);
  }

  /** Resolves when this many more messages were acknowledged. */
  async untilWritten(more: number): Promise<void> {
    const goal = this.ledger.stored + more;
    await expect.poll(() => this.ledger.stored, { timeout: 60_000, interval: 10 }).toBeGreaterThanOrEqual(goal);
  }

  /** Stops the writers, and compares their answers and the subscribers' pokes with the store. */
  async expectNothingAmiss(readRows: () => Promise<Row[]>): Promise<void> {
    this.#stop.abort();
    await this.#work;
    await Promise.all(streams.map((stream) => appendOnce({ url: this.#url, ledger: this.ledger }, stream, 1)));
    const rows = await readRows();
    await Promise.all(this.readers.map((reader) => reader.finish(rows, this.ledger)));
    expect([...this.ledger.problems(rows), ...this.#problems].slice(0, 20)).toEqual([]);
  }

  /** Number of reconnections of subscribers. */
  get resumed(): number {
    return this.readers.reduce((sum, { counts }) => sum + counts.connections - 1, 0);
  }

  /** Disconnects the subscribers, once nothing was amiss; the nodes can be loaded again. */
  async end(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const node of this.#nodes) await node[Symbol.asyncDispose]();
    await this.end();
    await this.#work.catch(() => {});
  }
}
