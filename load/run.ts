/**
 * `npm run load`: runs the scenarios, prints the results, and writes them to `load/results/`. Ends within a bounded
 * time.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { boundContext, boundScenarios, boundsTable, boundVerdicts } from './lib/bounds.ts';
import { compare, withCommit } from './lib/compare.ts';
import { printProfiles } from './lib/profile.ts';
import { type ScenarioResult, writeResults } from './lib/results.ts';
import type { Context } from './lib/scenario.ts';
import { killServers } from './lib/target.ts';
import {
  durableScenarios,
  groupScenarios,
  natsScenarios,
  postgresScenarios,
  scenarios as usualScenarios,
} from './scenarios.ts';

/** A run ends at this time at the latest and writes the results so far; later if a longer measurement was requested. */
const usualLimitMs = 600_000;
const root = join(import.meta.dirname, '..');
const startMs = performance.now();

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string' },
    peers: { type: 'string' },
    root: { type: 'string', default: root },
    compare: { type: 'string' },
    profile: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    'no-results': { type: 'boolean', default: false },
  },
});

const groups = {
  durable: durableScenarios,
  postgres: postgresScenarios,
  nats: natsScenarios,
  groups: groupScenarios,
};
const scenarios = Object.assign({}, usualScenarios, ...Object.values(groups)) as typeof usualScenarios;
const onlyBounds = positionals.includes('bounds');
const isGroup = (name: string): name is keyof typeof groups => Object.hasOwn(groups, name);
const asked = positionals.flatMap((name) => (isGroup(name) ? Object.keys(groups[name]) : [name]));
for (const name of asked) {
  if (name === 'bounds' || scenarios[name] !== undefined) continue;
  console.error(
    `There is no scenario ${name}; known are bounds, ${Object.keys(groups).join(', ')}, ${Object.keys(scenarios).join(', ')}.`,
  );
  process.exit(2);
}

const context: Context = {
  root: resolve(values.root),
  repeats: values.repeats === undefined ? undefined : Number(values.repeats),
  peers: values.peers?.split(',').filter((peer) => peer !== ''),
  profileDir: values.profile ? mkdtempSync(join(tmpdir(), 'pokewire-profile-')) : undefined,
  large: values.large,
  seconds: values.seconds === undefined ? undefined : Number(values.seconds),
  say: (text) => console.log(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(6)} s  ${text}`),
};
const results: ScenarioResult[] = [];
// Only a run of all scenarios counts as a full run.
const group = onlyBounds ? 'bounds' : (positionals.find(isGroup) ?? (asked.length > 1 ? 'some' : undefined));

const limitMs = usualLimitMs + 4_000 * (context.seconds ?? 0);
setTimeout(() => finish(`stopped at the limit of ${limitMs / 60_000} minutes`, 1), limitMs).unref();
// Kills the servers after an uncaught error too.
process.on('exit', killServers);
process.on('SIGINT', () => finish('interrupted', 130));
process.on('SIGTERM', () => finish('interrupted', 143));

if (onlyBounds) await runAll(boundScenarios);
else if (values.compare === undefined) await runAll(asked.length === 0 ? Object.keys(usualScenarios) : asked);
else await compareAll(values.compare, asked.length === 0 ? ['fan-out', 'concurrent-publishers'] : asked);
if (context.profileDir !== undefined) printProfiles(context.profileDir);
finish('completed', 0);

async function runAll(names: readonly string[]): Promise<void> {
  for (const name of names) {
    context.say(`--- ${name}`);
    const narrowed = onlyBounds ? boundContext(context, name) : context;
    const result = await scenarios[name]!(narrowed).catch((error: unknown) => context.say(`${name} failed: ${error}`));
    if (result === undefined) continue;
    results.push(result);
    for (const { target, claim, reached, bound, met } of result.verdicts) {
      context.say(`${met ? 'met   ' : 'NOT   '} ${target}  ${claim}: ${reached.toPrecision(3)} (bound ${bound})`);
    }
    for (const { peer, why } of result.missing) context.say(`missing ${peer}: ${why}`);
  }
}

async function compareAll(ref: string, names: readonly string[]): Promise<void> {
  await withCommit(root, ref, async (other) => {
    for (const name of names) results.push(...(await compare(name, scenarios[name]!, context, other)));
  });
}

function finish(ended: string, code: number): never {
  if (boundVerdicts(results).length > 1) console.log(`\n${boundsTable(results)}\n`);
  if (results.length > 0 && !values['no-results'] && !values.profile) {
    console.log(`${ended}: ${writeResults(join(root, 'load/results'), context.root, results, ended, group)}`);
  } else console.log(ended);
  process.exit(code);
}
