/** `npm run load`: runs the scenarios, says what it finds, and writes it to `load/results/`. Always ends by itself. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { printProfiles } from './lib/profile.ts';
import { type ScenarioResult, writeResults } from './lib/results.ts';
import type { Context, Scenario } from './lib/scenario.ts';
import { killServers } from './lib/target.ts';
import { concurrentPublishers } from './scenarios/concurrent-publishers.ts';
import { fanOut } from './scenarios/fan-out.ts';

/** In the order of a full run: what matters most comes first. */
const scenarios: Readonly<Record<string, Scenario>> = {
  'fan-out': fanOut,
  'concurrent-publishers': concurrentPublishers,
};

/** A run ends by then, whatever it is doing, and writes what it has. */
const limitMs = 600_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string' },
    peers: { type: 'string' },
    profile: { type: 'boolean', default: false },
    'no-results': { type: 'boolean', default: false },
  },
});

const root = join(import.meta.dirname, '..');
const chosen = positionals.length === 0 ? Object.keys(scenarios) : positionals;
const results: ScenarioResult[] = [];
const startMs = performance.now();
const profileDir = values.profile ? mkdtempSync(join(tmpdir(), 'pokewire-profile-')) : undefined;

for (const name of chosen) {
  if (scenarios[name] === undefined)
    fail(`there is no scenario ${name}; known are ${Object.keys(scenarios).join(', ')}`);
}
const context: Context = {
  root,
  repeats: values.repeats === undefined ? undefined : Number(values.repeats),
  peers: values.peers === undefined ? undefined : values.peers.split(',').filter((peer) => peer !== ''),
  profileDir,
  say: (text) => console.log(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(6)} s  ${text}`),
};
setTimeout(() => finish('stopped at the limit of ten minutes', 1), limitMs).unref();
process.on('SIGINT', () => finish('interrupted', 130));
process.on('SIGTERM', () => finish('interrupted', 143));

for (const name of chosen) {
  context.say(`--- ${name}`);
  results.push(await scenarios[name]!(context));
  for (const { target, claim, reached, bound, met } of results.at(-1)!.verdicts) {
    context.say(`${met ? 'met   ' : 'NOT   '} ${target}  ${claim}: ${reached.toPrecision(3)} (bound ${bound})`);
  }
  for (const { peer, why } of results.at(-1)!.missing) context.say(`missing ${peer}: ${why}`);
}
if (profileDir !== undefined) printProfiles(profileDir);
finish('completed', 0);

function finish(ended: string, code: number): never {
  killServers();
  if (results.length > 0 && !values['no-results'] && profileDir === undefined) {
    console.log(`${ended}: ${writeResults(join(root, 'load/results'), root, results, ended)}`);
  } else console.log(ended);
  process.exit(code);
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}
