import { Bench } from '../lib/bench.ts';
import { everyReplicas, Nats } from '../lib/nats.ts';
import { atLeast, atMost, type Reading, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { messages: 1_000_000, subscribersInTurn: 2, reconnections: 10_000, behind: 10 };

/** One subscriber that receives a log of 1,000,000 messages from the start; and 10,000 that reconnect at once, slightly behind. */
export async function natsCatchUp(context: Context): Promise<ScenarioResult> {
  const series: Series[] = [];
  for (const replicas of everyReplicas) {
    await using nats = await Nats.start(replicas);
    const target = nats.target(context, `R${replicas}`, 'all');
    series.push(...(await repeatInTurn(context, [target], 1, (measured) => measureCatchUp(measured, nats))));
  }
  return {
    scenario: 'nats-catch-up',
    settings,
    series,
    missing: [],
    verdicts: everyReplicas.flatMap((replicas) => [
      atLeast(
        '14d',
        `catch-up of 1,000,000 messages, R${replicas}: pokes/s to one subscriber`,
        medianOf(series, `R${replicas}`, 'pokesPerSecond'),
        200_000,
      ),
      atMost(
        '14f',
        `requests to NATS for 10,000 reconnections to one node, R${replicas}`,
        medianOf(series, `R${replicas}`, 'requestsOfReconnections'),
        100,
      ),
    ]),
  };
}

function measureCatchUp(target: Target, nats: Nats): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, subscribersInTurn, reconnections, behind } = settings;
    const { published, startUs, endUs } = await bench.fill(messages);
    // Every frame of the first is parsed; the others are compared with it, which costs the load client little.
    const first = await bench.subscribe(1);
    const firstSeconds = ((await bench.awaitAll(messages, 60_000)).completedAtUs - first.startUs) / 1_000_000;
    let seconds = 0;
    for (let made = 0; made < subscribersInTurn; made++) {
      const { startUs: from } = await bench.subscribe(1);
      seconds += ((await bench.awaitAll(messages, 60_000)).completedAtUs - from) / 1_000_000;
    }
    const plainSeconds = await nats.withPlainHeaders('account', async (read) => {
      const startMs = performance.now();
      for (let made = 0; made < subscribersInTurn; made++) await read(0, messages);
      return (performance.now() - startMs) / 1_000;
    });
    const before = await bench.metric('pokewire_store_nats_requests_total');
    const selector = `category=account&position=${messages - behind + 1}`;
    const storm = await bench.subscribe(reconnections, selector, 'storm');
    const { completedAtUs } = await bench.awaitAll(behind, 60_000, 'storm');
    return {
      filledPerSecond: ((published * 1_000) / (endUs - startUs)) * 1_000_000,
      pokesPerSecond: (messages * subscribersInTurn) / seconds,
      plainHeadersPerSecond: (messages * subscribersInTurn) / plainSeconds,
      firstPokesPerSecond: messages / firstSeconds,
      requestsOfReconnections: (await bench.metric('pokewire_store_nats_requests_total')) - before,
      reconnectionsMs: (completedAtUs - storm.startUs) / 1_000,
    };
  });
}
