import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

// A single writer: with several, one subscriber gets the pokes of one flush in one write, but many members get them in
// as many writes.
const settings = { members: 64, appends: 12_000, connections: 1 };

/**
 * A category with 64 group members, where each poke is for one of them, compared with a category with one subscriber.
 */
export async function consumerGroups(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 2, measureGroups);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  const claim = 'CPU per append with 64 members, of which one hears it, times that with one subscriber';
  return {
    scenario: 'consumer-groups',
    settings,
    series,
    missing: [],
    verdicts: [atMost('6b', claim, ours('membersCpuUs') / ours('oneCpuUs'), 1.1)],
  };
}

function measureGroups(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { members, appends, connections } = settings;
    const names = Array.from({ length: members }, (_, member) => `member-${member}`);
    const groups = names.map((name, member) => ({
      name,
      port: bench.server.port,
      path: target.subscribePath(`category=grouped&consumer=${member}&size=${members}`),
      count: 1,
      order: 'rising' as const,
    }));
    const measure = async (category: string, heard: () => Promise<number>) => {
      const before = await heard();
      const meter = bench.meter();
      await bench.publish({ connections, count: appends }, category);
      for (let tries = 0; (await heard()) < before + appends && tries < 500; tries++) await bench.settledKib(5);
      const { serverCpuSeconds } = meter.read();
      const pokes = (await heard()) - before;
      if (pokes !== appends) throw new Error(`${pokes} pokes for ${appends} appends to ${category}`);
      return (serverCpuSeconds / appends) * 1_000_000;
    };
    const byMembers = async () => {
      const reports = await bench.subscribers.reports(names);
      const wrong = reports.flatMap(({ problems }) => problems);
      if (wrong.length > 0) throw new Error(wrong.join('; '));
      return reports.reduce((sum, { frames }) => sum + frames, 0);
    };
    const byOne = async () => (await bench.subscribers.report('all')).frames;
    await bench.subscribers.connect(groups);
    // Increasing, not consecutive: the other category uses some of the global positions.
    await bench.subscribers.connect([
      { name: 'all', port: bench.server.port, path: target.subscribePath('category=whole'), count: 1, order: 'rising' },
    ]);
    await measure('whole', byOne);
    await measure('grouped', byMembers);
    const one = [await measure('whole', byOne)];
    const grouped = [await measure('grouped', byMembers)];
    one.push(await measure('whole', byOne));
    grouped.push(await measure('grouped', byMembers));
    return { oneCpuUs: (one[0]! + one[1]!) / 2, membersCpuUs: (grouped[0]! + grouped[1]!) / 2 };
  });
}
