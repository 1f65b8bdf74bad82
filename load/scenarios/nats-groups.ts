import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from '../lib/bench.ts';
import { GroupLoad } from '../lib/group-load.ts';
import { everyReplicas, Nats, type Replicas } from '../lib/nats.ts';
import { atLeast, atMost, type Reading, type ScenarioResult, type Series, type Verdict } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';
import { measureAcks } from './group-acks.ts';
import { measureTwoNodes } from './group-handover.ts';

const settings = { groups: 1_000, membersOfGroup: 4, idleMs: 10_000 };

/**
 * Consumer groups with members over JetStream: hand-overs between two nodes, acknowledgements, and the cost of idle
 * groups.
 */
export async function natsGroups(context: Context): Promise<ScenarioResult> {
  const series: Series[] = [];
  for (const replicas of everyReplicas) {
    await using nats = await Nats.start(replicas);
    const measures = new Map([
      [`two nodes R${replicas}`, measureTwoNodes],
      [`acks R${replicas}`, measureAcks],
      [`idle R${replicas}`, measureIdle],
    ]);
    const targets = [...measures.keys()].map((name) => nats.target(context, name, 'all', nats.fresh()));
    series.push(...(await repeatInTurn(context, targets, 1, (target) => measures.get(target.name)!(target))));
  }
  return {
    scenario: 'nats-groups',
    settings,
    series,
    missing: [],
    verdicts: everyReplicas.flatMap((replicas) => verdictsOf(series, replicas)),
  };
}

function verdictsOf(series: readonly Series[], replicas: Replicas): Verdict[] {
  const of = (what: string, name: string) => medianOf(series, `${what} R${replicas}`, name);
  const nodes = (name: string) => of('two nodes', name);
  return [
    atMost('14g', `ms from a leave to the first poke on another node, R${replicas}, p99`, nodes('leaveP99Ms'), 200),
    atMost('14g', `ms from a join to its first poke on another node, R${replicas}, p99`, nodes('joinP99Ms'), 200),
    atLeast('14h', `acknowledgements of partitions/s, R${replicas}`, of('acks', 'acksPerSecond'), 5_000),
    atMost('14i', `requests/s to NATS for 1,000 idle groups, R${replicas}`, of('idle', 'requestsPerSecond'), 10),
  ];
}

/** The requests to NATS that idle groups add to those of a node without groups. */
function measureIdle(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { groups, membersOfGroup, idleMs } = settings;
    using load = new GroupLoad();
    const requests = () => bench.metric('pokewire_store_nats_requests_total');
    const perSecond = async () => {
      const before = await requests();
      await sleep(idleMs);
      return ((await requests()) - before) / (idleMs / 1_000);
    };
    const alone = await perSecond();
    await load.beginIdle({ port: bench.server.port, groups, membersOfGroup });
    return { alonePerSecond: alone, requestsPerSecond: (await perSecond()) - alone };
  });
}
