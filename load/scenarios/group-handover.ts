import { Bench } from '../lib/bench.ts';
import { GroupLoad } from '../lib/group-load.ts';
import { MessageDb } from '../lib/message-db.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { percentiles } from '../lib/statistics.ts';
import type { RunningTarget, Target } from '../lib/target.ts';

const settings = { rounds: 100, roundsOfNodes: 40, killedGroups: 8, leaseMs: 15_000 };

/** Time in which a partition has no owner that receives pokes, when members join, leave, restart and are killed. */
export async function groupHandOver(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  const shared = db.target(context, 'two nodes', 'all', await db.freshForGroups());
  const targets = [pokewireOf(context, [], 'one node', 'all'), shared];
  const series = await repeatInTurn(context, targets, 1, (target) =>
    target === shared ? measureTwoNodes(target) : Bench.run(target, ({ server }) => measure([server])),
  );
  const of = (target: string, name: string) => medianOf(series, target, name);
  const killMs = settings.leaseMs + 1_200;
  return {
    scenario: 'group-handover',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('13a', 'ms from a leave to the first poke elsewhere on one node, p99', of('one node', 'leaveP99Ms'), 100),
      atMost('13a', 'ms from a join to its first poke on one node, p99', of('one node', 'joinP99Ms'), 100),
      atMost('13b', 'ms from a leave to the first poke on another node, p99', of('two nodes', 'leaveP99Ms'), 200),
      atMost('13b', 'ms from a join to its first poke on another node, p99', of('two nodes', 'joinP99Ms'), 200),
      atMost('13c', 'ms from a kill to the first poke elsewhere on one node', of('one node', 'killMaxMs'), killMs),
      atMost('13c', 'ms from a kill to the first poke on another node', of('two nodes', 'killMaxMs'), killMs),
      atMost('13d', 'ms from a kill to the first poke under the same name, p99', of('one node', 'restartP99Ms'), 300),
    ],
  };
}

/** Members that join and leave on one of two nodes over the target's store. */
export function measureTwoNodes(target: Target): Promise<Reading> {
  return Bench.run(target, async ({ server }) => {
    const other = await target.start();
    try {
      return await measure([server, other]);
    } finally {
      await other.stop();
    }
  });
}

async function measure(nodes: readonly RunningTarget[]): Promise<Reading> {
  using load = new GroupLoad();
  const ports = nodes.map(({ port }) => port);
  const rounds = nodes.length === 1 ? settings.rounds : settings.roundsOfNodes;
  const report = await load.handOver({ ports, rounds });
  const killedMs = await load.killed({ ports, groups: settings.killedGroups });
  const [leave, join, restart] = [report.leaveMs, report.joinMs, report.restartMs].map(percentiles);
  return {
    leaveP50Ms: leave!.p50,
    leaveP99Ms: leave!.p99,
    joinP50Ms: join!.p50,
    joinP99Ms: join!.p99,
    restartP50Ms: restart!.p50,
    restartP99Ms: restart!.p99,
    killMaxMs: Math.max(...killedMs),
  };
}
