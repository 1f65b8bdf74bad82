/**
 * `npm run groups:sim -- <seed> <count> [handOverMs] [client]`: runs random schedules of consumer groups in virtual time, with simulated workers or
 * members of `pokewire/client`.
 */
import { simulate } from './simulate.ts';
import { simulateClients } from './simulate-clients.ts';

const [first = '1', schedules = '200', handOver = '4000', workers = 'simulated'] = process.argv.slice(2);
const [firstSeed, count, handOverMs] = [first, schedules, handOver].map(Number) as [number, number, number];
const isKnown = workers === 'simulated' || workers === 'client';
if (!isKnown || ![firstSeed, count, handOverMs].every((value) => Number.isSafeInteger(value) && value >= 0)) {
  console.error('npm run groups:sim -- <seed> <count> [handOverMs] [client], integers all but the last');
  process.exit(2);
}
const startMs = performance.now();
const run = workers === 'client' ? simulateClients : simulate;
const { runs, failures, counts } = await run({ firstSeed, count, handOverMs });
for (const [name, value] of Object.entries(counts)) console.log(`${String(value).padStart(10)}  ${name}`);
for (const { seed, why } of failures.slice(0, 20)) console.log(`seed ${seed} ${why.slice(0, 4_500)}`);
const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
console.log(`${runs} schedules from seed ${firstSeed} in ${seconds} s, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
