import { Bench } from '../lib/bench.ts';
import { everyReplicas, Nats } from '../lib/nats.ts';
import { Reader } from '../lib/reader.ts';
import { atLeast, atMost, type Reading, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { RunningTarget, Target } from '../lib/target.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = {
  alone: { perSecond: 100, warmUpMs: 1_500, measureMs: 2_000 },
  crowd: { publishers: 64, subscribers: 1_000, warmUpMs: 2_000, measureMs: 1_000 },
};

/** From an append to its poke over JetStream: alone on one node and on two, and of 64 writers and 1,000 subscribers. */
export async function natsDelivery(context: Context): Promise<ScenarioResult> {
  const crowd = (target: Target) => measureThroughput(target, settings.crowd);
  const series: Series[] = await repeatInTurn(context, [pokewireOf(context, [], 'memory')], 3, crowd);
  for (const replicas of everyReplicas) {
    await using nats = await Nats.start(replicas);
    // The load client never sleeps on its core: a server there would wait for it.
    nats.pin();
    const own = { name: `own node R${replicas}` };
    const other = { name: `other node R${replicas}` };
    series.push(
      ...(await repeatInTurn(context, [own, other], 3, (measured) => {
        const target = nats.target(context, measured.name, 'one', nats.fresh());
        return Bench.run(target, ({ server }) =>
          measured === own ? measureBetween(target, server, server) : withSecondNode(target, server),
        );
      })),
      ...(await repeatInTurn(context, [nats.target(context, `crowd R${replicas}`, 'one')], 3, crowd)),
    );
  }
  const p50 = (name: string) => medianOf(series, name, 'p50Ms');
  const rate = (name: string) => medianOf(series, name, 'deliveriesPerSecond');
  return {
    scenario: 'nats-delivery',
    settings,
    series,
    missing: [],
    verdicts: everyReplicas.flatMap((replicas) => [
      atMost('14b', `append to poke on the own node, R${replicas}: p50 ms`, p50(`own node R${replicas}`), 2),
      atMost('14b', `append to poke on another node, R${replicas}: p50 ms`, p50(`other node R${replicas}`), 2),
      atLeast(
        '14c',
        `deliveries/s of 64 publishers to 1,000 subscribers, R${replicas}, times those from memory`,
        rate(`crowd R${replicas}`) / rate('memory'),
        0.7,
      ),
    ]),
  };
}

async function withSecondNode(target: Target, first: RunningTarget): Promise<Reading> {
  const second = await target.start();
  try {
    return await measureBetween(target, first, second);
  } finally {
    await second.stop();
  }
}

async function measureBetween(target: Target, append: RunningTarget, subscribe: RunningTarget): Promise<Reading> {
  const reader = new Reader({ append: [append], subscribe: [subscribe] }, target);
  try {
    await reader.connect(1);
    const { perSecond, warmUpMs, measureMs } = settings.alone;
    await reader.publish({ connections: 1, perSecond: 0, durationMs: warmUpMs });
    const { latencyMs, ackMs } = await reader.publish({ connections: 1, perSecond, durationMs: measureMs });
    return { p50Ms: latencyMs.p50, p99Ms: latencyMs.p99, ackP50Ms: ackMs.p50, ackP99Ms: ackMs.p99 };
  } finally {
    reader.stop();
  }
}
