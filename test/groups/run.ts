/** `npm run groups:sim -- <seed> <count> [handOverMs]`: runs random schedules of consumer groups in virtual time. */
import { simulate } from './simulate.ts';

const [firstSeed = 1, count = 200, handOverMs = 4_000] = process.argv.slice(2).map(Number);
if (![firstSeed, count, handOverMs].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error('npm run groups:sim -- <seed> <count> [handOverMs], integers all');
  process.exit(2);
}
const startMs = performance.now();
const { runs, failures, counts } = await simulate({ firstSeed, count, handOverMs });
for (const [name, value] of Object.entries(counts)) console.log(`${String(value).padStart(10)}  ${name}`);
for (const { seed, why } of failures.slice(0, 20)) console.log(`seed ${seed} ${why.slice(0, 1_500)}`);
const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
console.log(`${runs} schedules from seed ${firstSeed} in ${seconds} s, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
