/** `npm run soak -- --minutes 20`: loads a server for this long, prints the results, and then ends. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { series, writeResults } from '../lib/results.ts';
import { readingOf, soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    /** Mean appends per second. */
    rate: { type: 'string', default: '60' },
    /** Mean connections per second that open only to close. */
    churn: { type: 'string', default: '30' },
    namespaces: { type: 'string', default: '4' },
    store: { type: 'string', default: 'memory' },
    /** Runs all attacks of test/support/attackers in addition. */
    attackers: { type: 'boolean', default: false },
    /** Reproduces the order of events, not their timing. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    'no-results': { type: 'boolean', default: false },
  },
});

const root = join(import.meta.dirname, '../..');
const startMs = performance.now();
const say = (text: string) =>
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(6)} s  ${text}`);
const minutes = Number(values.minutes);
const rate = Number(values.rate);
const churn = Number(values.churn);
const namespaces = Number(values.namespaces);
const seed = Number(values.seed);
const { store, attackers } = values;
if (store !== 'memory' && store !== 'sqlite') {
  console.error('--store is memory or sqlite.');
  process.exit(2);
}
if (![minutes, rate, churn, namespaces, seed].every((value) => value > 0)) {
  console.error('--minutes, --rate, --churn, --namespaces and --seed are numbers above 0.');
  process.exit(2);
}

// A server that hangs must not block the run forever.
const limitMs = minutes * 90_000 + 180_000;
setTimeout(() => stop(1, 'stopped: it took far longer than it should'), limitMs).unref();
process.on('SIGINT', () => stop(130, 'interrupted'));
process.on('SIGTERM', () => stop(143, 'interrupted'));

say(
  `${minutes} minutes, ${rate} appends and ${churn} passers-by a second over ${namespaces} namespaces, ${attackers ? 'all attackers, ' : ''}seed ${seed}`,
);
const { rests, counts, rounds, problems, verdicts, mostResidentMib, laggingEpisodes, pokesSent } = await soak({
  root,
  durationMs: minutes * 60_000,
  store,
  namespaces,
  rate,
  churn,
  seed,
  attackers,
  say,
});
for (const [name, count] of Object.entries({ ...counts, laggingEpisodes, pokesSent, mostResidentMib, ...rounds })) {
  say(`${String(Math.round(count)).padStart(10)}  ${name}`);
}
for (const { claim, reached, bound, met } of verdicts) {
  say(
    `${met ? 'met   ' : 'NOT   '} ${claim}: ${Number(reached.toPrecision(4))} (bound ${Number(bound.toPrecision(4))})`,
  );
}
for (const problem of problems) say(`problem: ${problem}`);

if (!values['no-results']) {
  const result = {
    scenario: 'soak',
    settings: { minutes, store, rate, churn, namespaces, seed, attackers },
    series: [
      { ...series('pokewire at rest', rests.map(readingOf)), problems },
      series('pokewire under load', [{ ...counts, laggingEpisodes, pokesSent, mostResidentMib }]),
      ...(attackers ? [series('rounds of attackers', [rounds])] : []),
    ],
    missing: [],
    verdicts,
  };
  say(writeResults(join(root, 'load/results'), root, [result], 'completed'));
}
function stop(code: number, why: string): never {
  say(why);
  process.exit(code);
}

process.exitCode = verdicts.every(({ met }) => met) ? 0 : 1;
