/**
 * `npm run torture -- --minutes 10`: tortures three nodes over a PostgreSQL for this long, prints the results, and then
 * ends.
 */
import { parseArgs } from 'node:util';
import { hasPostgres, PostgresCluster } from '../postgres-cluster.ts';
import { torture } from './torture.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    /** Reproduces the order of events, not their timing. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});

const roundMs = 20_000;
const leastRoundMs = 1_000;

const startMs = performance.now();
const say = (text: string) =>
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(6)} s  ${text}`);
const durationMs = Number(values.minutes) * 60_000;
const seed = Number(values.seed);
if (!(durationMs > 0) || !Number.isInteger(seed)) {
  console.error('--minutes is a number above 0, --seed an integer.');
  process.exit(2);
}
if (!hasPostgres) {
  console.error('npm has no PostgreSQL for this platform.');
  process.exit(2);
}

// A node that hangs must not block the run forever.
setTimeout(() => stop(1, 'stopped: it took far longer than it should'), durationMs * 1.5 + 180_000).unref();
process.on('SIGINT', () => stop(130, 'interrupted'));
process.on('SIGTERM', () => stop(143, 'interrupted'));

say(`${values.minutes} minutes, seed ${seed}`);
const totals: Record<string, number> = {};
let problemCount = 0;
for (let round = 0; performance.now() - startMs < durationMs; round++) {
  await using cluster = await PostgresCluster.start({ settings: ['deadlock_timeout=100ms'] });
  const leftMs = Math.ceil(durationMs - (performance.now() - startMs));
  const ownMs = Math.max(leastRoundMs, Math.min(roundMs, leftMs));
  const { counts, problems } = await torture({ cluster, durationMs: ownMs, seed: seed + round });
  for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
  for (const problem of problems) say(`problem: ${problem}`);
  problemCount += problems.length;
  say(`round ${round + 1}, seed ${seed + round}: ${counts.messages} messages, ${problems.length} problems`);
}
for (const [name, count] of Object.entries(totals)) say(`${String(count).padStart(10)}  ${name}`);
say(`${problemCount === 0 ? 'met    ' : 'NOT    '}every connection was told the log in order, each message once`);
process.exitCode = problemCount === 0 ? 0 : 1;

function stop(code: number, why: string): never {
  say(why);
  process.exit(code);
}
