import { Bench } from '../lib/bench.ts';
import { CpuShares, cpuShareMissing } from '../lib/cpu-share.ts';
import { MessageDb } from '../lib/message-db.ts';
import { Reader } from '../lib/reader.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import type { RunningTarget, Target } from '../lib/target.ts';

const settings = {
  /** Share of a core for each node: three nodes, the database and the load run on two cores. */
  coreShare: 0.25,
  subscribersPerNode: 500,
  publishersPerNode: 16,
  warmUpMs: 6_000,
  measureMs: 4_000,
};

/** Deliveries of one node, and of three over one database. Each node has the same share of a core and of the load. */
export async function postgresNodes(context: Context): Promise<ScenarioResult> {
  const scenario = 'postgres-nodes';
  if (cpuShareMissing !== undefined) {
    return { scenario, settings, series: [], missing: [{ peer: scenario, why: cpuShareMissing }], verdicts: [] };
  }
  await using db = await MessageDb.start();
  const targets = [
    { name: 'one node', nodes: 1 },
    { name: 'three nodes', nodes: 3 },
  ];
  const series = await repeatInTurn(context, targets, 3, async ({ name, nodes }) => {
    const target = db.target(context, name, 'all', await db.fresh());
    using shares = new CpuShares(settings.coreShare);
    return Bench.run(target, ({ server }) => withNodes(target, shares, [server], nodes));
  });
  const of = (name: string) => medianOf(series, name, 'deliveriesPerSecond');
  return {
    scenario,
    settings,
    series,
    missing: [],
    verdicts: [
      atLeast(
        '12e',
        'deliveries/s of three nodes, times three times those of one',
        of('three nodes') / of('one node') / 3,
        0.9,
      ),
    ],
  };
}

/** Starts missing nodes, limits each to its share, and measures them together. */
async function withNodes(
  target: Target,
  shares: CpuShares,
  running: readonly RunningTarget[],
  count: number,
): Promise<Reading> {
  if (running.length === count) {
    for (const { pid } of running) shares.hold(pid);
    return measureNodes(target, running);
  }
  const next = await target.start();
  try {
    return await withNodes(target, shares, [...running, next], count);
  } finally {
    await next.stop();
  }
}

async function measureNodes(target: Target, nodes: readonly RunningTarget[]): Promise<Reading> {
  const { subscribersPerNode, publishersPerNode, warmUpMs, measureMs } = settings;
  const reader = new Reader({ append: nodes, subscribe: nodes }, target);
  try {
    await reader.connect(subscribersPerNode * nodes.length);
    const publish = (durationMs: number) =>
      reader.publish({ connections: publishersPerNode * nodes.length, perSecond: 0, durationMs });
    await publish(warmUpMs);
    const { published, deliveries, seconds, latencyMs, busyShare } = await publish(measureMs);
    return {
      deliveriesPerSecond: deliveries / seconds,
      appendsPerSecond: published / seconds,
      latencyP50Ms: latencyMs.p50,
      latencyP99Ms: latencyMs.p99,
      loadShare: busyShare,
    };
  } finally {
    reader.stop();
  }
}
