/** `npm run micro [-- name…]`: what single operations cost, in under a minute. `--json` adds a last line for programs. */
import { encode } from './encode.ts';

const benchmarks = { encode };

const asked = process.argv.slice(2).filter((argument) => argument !== '--json');
const costs = {};
for (const [name, run] of Object.entries(benchmarks)) {
  if (asked.length === 0 || asked.includes(name)) Object.assign(costs, await run());
}
if (process.argv.includes('--json')) console.log(JSON.stringify(costs));
