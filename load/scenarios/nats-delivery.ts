import { Bench } from '../lib/bench.ts';
import { measureDelivery, measureOtherNode } from '../lib/measure-delivery.ts';
import { everyReplicas, Nats } from '../lib/nats.ts';
import { atLeast, atMost, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';
import { measureThroughput } from '../lib/throughput.ts';

const settings = {
  alone: { perSecond: 100, warmUpMs: 1_500, measureMs: 2_000 },
  crowd: { publishers: 64, subscribers: 1_000, warmUpMs: 2_000, measureMs: 1_000 },
};

/** Latency from an append to its poke over JetStream: on one node and on two, and with 64 writers and 1,000 subscribers. */
export async function natsDelivery(context: Context): Promise<ScenarioResult> {
  const crowd = (target: Target) => measureThroughput(target, settings.crowd);
  const series: Series[] = await repeatInTurn(context, [pokewireOf(context, [], 'memory')], 3, crowd);
  for (const replicas of everyReplicas) {
    await using nats = await Nats.start(replicas);
    nats.pin();
    const own = { name: `own node R${replicas}` };
    const other = { name: `other node R${replicas}` };
    series.push(
      ...(await repeatInTurn(context, [own, other], 3, (measured) => {
        const target = nats.target(context, measured.name, 'one', nats.fresh());
        return Bench.run(target, ({ server }) =>
          measured === own
            ? measureDelivery(target, settings.alone, server, server)
            : measureOtherNode(target, settings.alone, server),
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
