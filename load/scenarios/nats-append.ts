import { usualMessage } from '../lib/database.ts';
import { measureAppends, sharedStoreAppends as settings } from '../lib/measure-appends.ts';
import { everyReplicas, Nats } from '../lib/nats.ts';
import { atLeast, type ScenarioResult, type Series } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';

/** Single appends over HTTP to JetStream, compared with plain publishes of the same payload to the same servers, and with memory. */
export async function natsAppend(context: Context): Promise<ScenarioResult> {
  const series: Series[] = [];
  for (const replicas of everyReplicas) {
    await using nats = await Nats.start(replicas);
    const target = nats.target(context, `http R${replicas}`, 'all');
    const measure = new Map([
      [`publish R${replicas}`, () => nats.publish(settings, usualMessage)],
      [target.name, () => measureAppends(target, settings, usualMessage)],
    ]);
    const targets = [...measure.keys()].map((name) => ({ name }));
    series.push(...(await repeatInTurn(context, targets, 3, ({ name }) => measure.get(name)!())));
  }
  const memory = pokewireOf(context, [], 'memory', 'all');
  series.push(
    ...(await repeatInTurn(context, [memory], 1, (target) => measureAppends(target, settings, usualMessage))),
  );
  const of = (name: string) => medianOf(series, name, 'appendsPerSecond');
  return {
    scenario: 'nats-append',
    settings,
    series,
    missing: [],
    verdicts: everyReplicas.map((replicas) =>
      atLeast(
        '14a',
        `single appends over 64 HTTP connections, R${replicas}, times plain JetStream publishes with 64 in flight`,
        of(`http R${replicas}`) / of(`publish R${replicas}`),
        0.4,
      ),
    ),
  };
}
