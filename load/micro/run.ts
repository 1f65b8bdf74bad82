/** `npm run micro [name]`: what single operations cost, in under a minute. */
import { encode } from './encode.ts';

const benchmarks = { encode };

const asked = process.argv.slice(2);
for (const [name, run] of Object.entries(benchmarks)) {
  if (asked.length === 0 || asked.includes(name)) await run();
}
