import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '500000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    branch: { type: 'string', default: '0' },
    auth: { type: 'string', default: 'all' },
  },
});

const modes = (['off', 'token', 'test'] as const).filter((mode) => values.auth === 'all' || values.auth === mode);
for (const auth of modes) {
  const seed = Number(values.seed);
  console.log(`auth ${auth}, seed ${seed}`);
  const startMs = performance.now();
  const requests = Math.ceil(Number(values.requests) / modes.length);
  const report = await fuzz({ auth, seed, requests, firstBranch: Number(values.branch) });
  const { tallies, auditedMessages, growth, slowestHealthMs, problems } = report;
  for (const { requests, branch, kinds, statuses } of tallies) {
    console.log({
      requests,

      branch,
      kinds: Object.fromEntries(kinds),
      statuses: Object.fromEntries(statuses),
    });
  }
  console.log({ auditedMessages, growth, slowestHealthMs, seconds: (performance.now() - startMs) / 1_000 });
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}
