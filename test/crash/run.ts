/**
 * `npm run crash -- --kills 1000`: kills a server with a SQLite store at random moments, prints the results, and then
 * ends.
 */
import { parseArgs } from 'node:util';
import { crash } from './crash.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    writers: { type: 'string', default: '64' },
    subscribers: { type: 'string', default: '50' },
    /** Reproduces the requests and the delays, not the exact moments. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const [kills, writers, subscribers, seed] = [values.kills, values.writers, values.subscribers, values.seed].map(Number);
if (![kills, writers, subscribers, seed].every((value) => Number.isSafeInteger(value) && value! > 0)) {
  console.error('--kills, --writers, --subscribers and --seed are integers above 0.');
  process.exit(2);
}
const startMs = performance.now();
const say = (text: string) =>
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(6)} s  ${text}`);
// A condition that is never met must not block the run forever.
setTimeout(
  () => {
    say('stopped: it took far longer than it should');
    process.exit(1);
  },
  kills! * 20_000 + 300_000,
).unref();
say(`${kills} kills under ${writers} writers and ${subscribers} subscribers, seed ${seed}`);
const report = await crash({
  kills: kills!,
  writers: writers!,
  subscribers: subscribers!,
  seed: seed!,
  say,
});
for (const [name, count] of Object.entries(report))
  if (typeof count === 'number') say(`${String(count).padStart(10)}  ${name}`);
for (const problem of report.problems) say(`problem: ${problem}`);
process.exitCode = report.problemCount === 0 ? 0 : 1;
