import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from '../lib/bench.ts';
import { sumOf } from '../lib/exposition.ts';
import { GroupLoad } from '../lib/group-load.ts';
import { MessageDb } from '../lib/message-db.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = {
  groups: 1_000,
  membersOfGroup: 4,
  idleMs: 10_000,
  subscribers: 100,
  appends: 12_000,
  connections: 4,
};

/** 1,000 idle groups: their cost, and their effect on plain subscriptions. */
export async function groupIdle(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  const database = await db.freshForGroups();
  const shared = db.target(context, 'postgres', 'all', database);
  const series = [
    ...(await repeatInTurn(context, [pokewireOf(context)], 3, measureBeside)),
    ...(await repeatInTurn(context, [shared], 1, measureStatements)),
  ];
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  const added = medianOf(series, 'postgres', 'addedPerSecond');
  return {
    scenario: 'group-idle',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('13f', 'of a core for 1,000 idle groups of 4 members', ours('idleShare'), 0.02),
      atMost('13f', 'MiB resident for 1,000 idle groups of 4 members', ours('idleMib'), 40),
      atMost('13f', 'statements/s to PostgreSQL that 1,000 idle groups of 4 members add', added, 2),
      atMost(
        '13g',
        'CPU per append to 100 subscribers beside 1,000 idle groups, times that alone',
        ours('besideTimesAlone'),
        1.03,
      ),
    ],
  };
}

function measureBeside(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { subscribers, appends, connections, idleMs, groups, membersOfGroup } = settings;
    const order = { port: bench.server.port, groups, membersOfGroup };
    using load = new GroupLoad();
    await bench.subscribe(subscribers);
    let frames = 0;
    const cpuUs = async () => {
      const meter = bench.meter();
      await bench.publish({ connections, count: appends });
      frames += appends;
      await bench.awaitAll(frames);
      return (meter.read().serverCpuSeconds / appends) * 1_000_000;
    };
    const share = async () => {
      const meter = bench.meter(load.pid);
      await sleep(idleMs);
      return meter.read().serverShare;
    };
    await cpuUs();
    await cpuUs();
    const before = await cpuUs();
    const alone = await share();
    const aloneKib = await bench.settledKib();
    await load.beginIdle(order);
    // Connecting them leaves garbage that must not be counted.
    await bench.settledKib();
    const idleShare = (await share()) - alone;
    const idleMib = ((await bench.settledKib()) - aloneKib) / 1_024;
    await cpuUs();
    const besideCpuUs = await cpuUs();
    await load.endIdle(order);
    await bench.settledKib();
    await cpuUs();
    const aloneCpuUs = (before + (await cpuUs())) / 2;
    // Compared within a repeat: from one to the next the machine's speed varies by more than the measured effect.
    return { idleShare, idleMib, aloneCpuUs, besideCpuUs, besideTimesAlone: besideCpuUs / aloneCpuUs };
  });
}

/** Statements that idle groups add to those of a node with a subscription and no groups, which also polls for changes of groups. */
function measureStatements(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { groups, membersOfGroup, idleMs } = settings;
    using load = new GroupLoad();
    await bench.subscribe(1, 'category=idle', 'one');
    // The interval of polls of the log varies by more than the measured effect.
    const statements = async () => {
      const metrics = await bench.scrape();
      return sumOf(metrics, 'pokewire_store_queries_total') - sumOf(metrics, 'pokewire_store_polls_total');
    };
    const perSecond = async () => {
      const before = await statements();
      await sleep(idleMs);
      return ((await statements()) - before) / (idleMs / 1_000);
    };
    const alonePerSecond = await perSecond();
    await load.beginIdle({ port: bench.server.port, groups, membersOfGroup });
    const besidePerSecond = await perSecond();
    return { alonePerSecond, besidePerSecond, addedPerSecond: besidePerSecond - alonePerSecond };
  });
}
