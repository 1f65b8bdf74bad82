/** `npm run micro [-- name…]`: cost of single operations, in under a minute. `--json` adds a machine-readable last line. */
import { body } from './body.ts';
import { delivered } from './delivered.ts';
import { encode } from './encode.ts';
import { histogram } from './histogram.ts';
import { log } from './log.ts';
import { page } from './page.ts';
import { pools } from './pools.ts';
import { routing } from './routing.ts';
import { storeReads } from './store-reads.ts';
import { streamNames } from './streams.ts';
import { unpooled } from './unpooled.ts';

const benchmarks = {
  encode,
  pools,
  unpooled,
  routing,
  'store-reads': storeReads,
  streams: streamNames,
  body,
  page,
  log,
  histogram,
  delivered,
};

const asked = process.argv.slice(2).filter((argument) => argument !== '--json');
const costs = {};
for (const [name, run] of Object.entries(benchmarks)) {
  if (asked.length === 0 || asked.includes(name)) Object.assign(costs, await run());
}
if (process.argv.includes('--json')) console.log(JSON.stringify(costs));
