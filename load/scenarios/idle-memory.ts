import { Bench } from '../lib/bench.ts';
import { collectGarbage, freePort } from '../lib/collect-garbage.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn, targetsOf } from '../lib/scenario.ts';
import { pokewire, type Target } from '../lib/target.ts';

/** Number of connections at each reading. */
const steps = [1_000, 2_500, 5_000, 10_000];
const settleMs = 500;
const settings = { steps, settleMs };
const peers = ['c-floor', 'node-net', 'nchan', 'better-sse'];

/** Resident memory of a server with idle subscribers, as they connect and after they left. */
export async function idleMemory(context: Context): Promise<ScenarioResult> {
  const { targets, missing } = targetsOf(context, peers);
  const series = await repeatInTurn(context, targets, 1, measureMemory);
  const [collected] = await repeatInTurn(context, [pokewireOf(context)], 1, () => measureCollected(context));
  const last = steps.at(-1)!;
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'idle-memory',
    settings,
    series: [...series, { ...collected!, target: 'pokewire, garbage collected' }],
    missing,
    verdicts: [
      atMost('5a', 'KiB resident per idle subscriber at 10,000', ours(`kibEachAt${last}`), 7),
      atMost(
        '5d',
        'MiB resident with a second 10,000, times with the first, garbage collected',
        (collected!.median.againMib ?? Number.NaN) / (collected!.median.fullMib ?? Number.NaN),
        1.05,
      ),
      atMost(
        '5d',
        'of the subscribers’ memory stays when they left, garbage collected',
        collected!.median.keptShare ?? Number.NaN,
        0.5,
      ),
    ],
  };
}

function measureMemory(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    // A first connection and append, so that one-time allocations are not counted for a subscriber.
    await bench.subscribe(1, 'category=other', 'first');
    if (target.order === 'consecutive') await bench.publish({ connections: 1, count: 100 }, 'another');
    const before = await bench.settledKib(settleMs);
    const reading: Record<string, number> = { beforeMib: before / 1_024 };
    let connected = 0;
    for (const step of steps) {
      await bench.reader.connect(step - connected);
      connected = step;
      reading[`kibEachAt${step}`] = ((await bench.settledKib(settleMs)) - before) / step;
    }
    const full = await bench.settledKib(0);
    await bench.reader.leave();
    const after = await bench.settledKib(settleMs * 2);
    await bench.reader.connect(connected);
    const again = await bench.settledKib(settleMs);
    return {
      ...reading,
      fullMib: full / 1_024,
      leftMib: after / 1_024,
      againMib: again / 1_024,
      keptShare: (after - before) / (full - before),
      againShare: again / full,
    };
  });
}

/** The same without garbage: two waves connect and leave, with a forced collection after each step. */
async function measureCollected({ root }: Context): Promise<Reading> {
  const inspectPort = await freePort();
  const target = pokewire({ root, nodeFlags: [`--inspect-port=${inspectPort}`] });
  return Bench.run(target, async (bench) => {
    const collected = async () => {
      await bench.settledKib(settleMs);
      await collectGarbage(bench.server.pid, inspectPort);
      return bench.settledKib(settleMs);
    };
    const connections = steps.at(-1)!;
    await bench.subscribe(1, 'category=other', 'first');
    const before = await collected();
    await bench.reader.connect(connections);
    const full = await collected();
    await bench.reader.leave();
    const left = await collected();
    await bench.reader.connect(connections);
    const again = await collected();
    await bench.reader.leave();
    const leftAgain = await collected();
    return {
      beforeMib: before / 1_024,
      [`kibEachAt${connections}`]: (full - before) / connections,
      fullMib: full / 1_024,
      leftMib: left / 1_024,
      againMib: again / 1_024,
      leftAgainMib: leftAgain / 1_024,
      keptShare: (leftAgain - before) / (full - before),
    };
  });
}
