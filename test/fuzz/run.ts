import { parseArgs } from 'node:util';
import { type FuzzReport, fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '500000' },
    /** Starts no further run, each with the next seed, after this time. */
    minutes: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    branch: { type: 'string', default: '0' },
    auth: { type: 'string', default: 'all' },
    store: { type: 'string', default: 'all' },
  },
});

const modes = (['off', 'token', 'test'] as const).filter((mode) => values.auth === 'all' || values.auth === mode);
const stores = (['memory', 'sqlite'] as const).filter((store) => values.store === 'all' || values.store === store);
const runs = modes.flatMap((auth) => stores.map((store) => ({ auth, store })));
const requests = Math.ceil(Number(values.requests) / runs.length);
const startMs = performance.now();
const minutes = () => (performance.now() - startMs) / 60_000;

for (let seed = Number(values.seed); process.exitCode === undefined; seed++) {
  for (const run of runs) {
    console.log(`auth ${run.auth}, store ${run.store}, seed ${seed}, minute ${minutes().toFixed(1)}`);
    tell(await fuzz({ ...run, seed, requests, firstBranch: Number(values.branch) }));
  }
  if (minutes() >= Number(values.minutes)) break;
}

function tell({ tallies, auditedMessages, growth, slowestHealthMs, problems }: FuzzReport): void {
  for (const { requests, branch, kinds, statuses } of tallies) {
    console.log({ requests, branch, kinds: Object.fromEntries(kinds), statuses: Object.fromEntries(statuses) });
  }
  console.log({ auditedMessages, growth, slowestHealthMs });
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
