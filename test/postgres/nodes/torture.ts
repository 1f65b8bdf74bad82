import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../../load/soak/random.ts';
import { longStreams, type Wish } from '../../../load/soak/wishes.ts';
import { appendOnce, writeOverHttp } from '../../support/nodes/http-writer.ts';
import { foreignStreams, kinds, ownStreams, sharedStreams } from '../../support/nodes/kinds.ts';
import { Ledger } from '../../support/nodes/ledger.ts';
import { LogReader } from '../../support/nodes/log-reader.ts';
import { NodeProcess } from '../../support/nodes/node-process.ts';
import type { PostgresCluster } from '../postgres-cluster.ts';
import { writeAsOther } from './foreign-writer.ts';
import { readRows } from './read-rows.ts';

export type TortureOptions = {
  readonly cluster: PostgresCluster;
  readonly durationMs: number;
  readonly seed: number;
  /** Work tree of the program; absent: this one. */
  readonly root?: string;
  /** Ends with the first problem. */
  readonly stopsAtProblem?: boolean;
};

/** Results of a round. */
export type TortureReport = {
  readonly counts: Readonly<Record<TortureCount, number>>;
  /** The first ones; empty: every connection received exactly the messages of the log. */
  readonly problems: readonly string[];
};
type TortureCount = 'messages' | 'rolledBack' | 'connections' | 'cuts' | 'stalls' | 'pokes' | 'restarts';

const nodeCount = 3;
const foreignWriters = 10;
const httpWriters = 6;
const httpPauseMs = 15;
const incidentMs = 600;
const newcomerMs = 100;
const mostProblems = 20;
const longFillMessages = 500;
const mostFills = 16;

const all: Wish = kinds.find(({ selection }) => selection.all)!;

/**
 * Services write in transactions that stay open, end late and are rolled back, others append over HTTP, and subscribers
 * of every kind read, on three nodes over one database, one of which is restarted. Then every connection is compared
 * with the log.
 */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { cluster, durationMs, seed, root, stopsAtProblem = false } = options;
  const random = new Random(seed);
  const problems: string[] = [];
  const first = Promise.withResolvers<void>();
  const problem = (text: string) => {
    if (problems.length < mostProblems) problems.push(text);
    if (stopsAtProblem) first.resolve();
  };
  await using closing = new AsyncDisposableStack();
  const database = await cluster.create();
  const store = cluster.url(database);
  const flags = ['--heartbeat-ms=500'];
  const nodes = await Promise.all(
    Array.from({ length: nodeCount }, async () => closing.use(await NodeProcess.start({ store, root, flags }))),
  );
  const ledger = new Ledger();
  const anyNode = () => random.pick(nodes);
  const port = () => anyNode().port;
  const url = () => anyNode().url;
  const readers = nodes.flatMap(() => kinds.map((wish) => new LogReader(wish, { port, random, problem })));
  closing.defer(async () => void (await Promise.all(readers.map((reader) => reader.close()))));
  await Promise.all(readers.map((reader) => reader.connect()));

  const over = AbortSignal.timeout(durationMs);
  const filled = fillSockets(nodes, { url, ledger });
  const newcomers: LogReader[] = [];
  const foreign = [...foreignStreams, ...sharedStreams];
  const own = [...ownStreams, ...sharedStreams];
  const connect = () => cluster.connect(database, 'message_store');
  await Promise.all([
    ...Array.from({ length: foreignWriters }, () => writeAsOther({ connect, streams: foreign, ledger, random }, over)),
    ...Array.from({ length: httpWriters }, () =>
      writeOverHttp({ url, streams: own, ledger, random, pauseMs: httpPauseMs }, over),
    ),
    ...readers.map(async (reader) => {
      if (reader.wish.stalls) await reader.stall(filled);
      await reader.suffer(incidentMs, over);
    }),
    come(newcomers, () => new LogReader(all, { port, random, problem }), random, over),
    restart(nodes.at(-1)!, durationMs, over),
  ]);
  closing.defer(async () => void (await Promise.all(newcomers.map((reader) => reader.close()))));

  // No transaction is open any more, so nothing can delay these messages.
  const last = new Set([...foreign, ...own]).values().map((stream) => appendOnce({ url, ledger }, stream, 1));
  await Promise.all(last);
  const rows = await readRows(cluster, database);
  for (const text of ledger.problems(rows)) problem(text);
  const everybody = [...readers, ...newcomers];
  const finished = Promise.all(everybody.map((reader) => reader.finish(rows, ledger)));
  await Promise.race([finished, first.promise]);
  await Promise.all(everybody.map((reader) => reader.close()));
  await finished;
  const sum = (name: keyof LogReader['counts']) => everybody.reduce((total, { counts }) => total + counts[name], 0);
  return {
    counts: {
      messages: rows.length,
      rolledBack: ledger.rolledBack,
      connections: sum('connections'),
      cuts: sum('cuts'),
      stalls: sum('stalls'),
      pokes: sum('pokes'),
      restarts: 1,
    },
    problems,
  };
}

/** Readers that start at the current head, at any time. */
async function come(newcomers: LogReader[], create: () => LogReader, random: Random, over: AbortSignal): Promise<void> {
  while (!over.aborted && newcomers.length < 100) {
    const newcomer = create();
    await newcomer.connect();
    newcomers.push(newcomer);
    await delay(random.gapMs(newcomerMs), undefined, { signal: over }).catch(() => {});
  }
}

/** Restarts one node while other services' transactions are open. */
async function restart(node: NodeProcess, durationMs: number, over: AbortSignal): Promise<void> {
  await delay(durationMs / 3, undefined, { signal: over }).catch(() => {});
  await node.stop();
  await node.run();
}

/** Writes until the socket of a paused reader is full. */
async function fillSockets(nodes: readonly NodeProcess[], options: Parameters<typeof appendOnce>[0]): Promise<void> {
  const lagging = (node: NodeProcess) => node.metric('pokewire_subscriptions', { state: 'lagging' }).catch(() => 0);
  for (let fills = 0; fills < mostFills; fills++) {
    if ((await Promise.all(nodes.map(lagging))).some((count) => count > 0)) return;
    await appendOnce(options, longStreams[0]!, longFillMessages);
  }
}
