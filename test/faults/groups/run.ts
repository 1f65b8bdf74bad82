/**
 * `npm run groups:faults -- --faults 10000 --minutes 35 --store sqlite`: injects this many faults into members of
 * groups, nodes and store over about this time, judges every handler, and then ends.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { atLeast, atMost, series, writeResults } from '../../../load/lib/results.ts';
import { faultMix, GroupFaults } from './group-faults.ts';
import { groupStores } from './stores.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '1000' },
    /** Approximate duration; the last faults take some more time. */
    minutes: { type: 'string', default: '4' },
    store: { type: 'string', default: 'sqlite' },
    /** Repeats the order of faults, not their timing. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    'no-results': { type: 'boolean', default: false },
  },
});

const settings = { groups: 6, processes: 8, mostMembers: 7, longestMs: 40_000, slowMs: 20_000, appendEveryMs: 400 };
const sayEveryMs = 15_000;
/** In a run of more faults, the sinks must have refused the write of a former owner, or fencing was not tried. */
const fewFaults = 500;
const root = join(import.meta.dirname, '../../..');
const [faults, minutes, seed] = [values.faults, values.minutes, values.seed].map(Number) as [number, number, number];
const start = groupStores[values.store];
if (!(faults > 0 && minutes > 0) || !Number.isInteger(seed)) {
  refuse('--faults and --minutes are numbers above 0, --seed is an integer.');
}
if (start === undefined) refuse(`--store is one of ${Object.keys(groupStores).join(', ')}.`);
if (typeof start === 'string') refuse(`${start}.`);

// A process that hangs must not block the run forever.
setTimeout(() => stop('stopped: it took far longer than it should'), minutes * 90_000 + 300_000).unref();
const early = new AbortController();
// The first interrupt ends the run with its verdict, the second one at once.
process.once('SIGINT', () => early.abort());
process.once('SIGTERM', () => early.abort());

const startMs = performance.now();
const say = (text: string) =>
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(0).padStart(6)} s  ${text}`);
say(`${faults} faults in ${minutes} minutes over ${values.store}, seed ${seed}`);
await using store = await start();
const rate = faults / (minutes * 60);
const isEnough = (run: GroupFaults) => run.faults >= faults;
const run = new GroupFaults({ ...settings, store, mix: faultMix, isEnough, rate, seed });
let said = 0;
const saying = setInterval(() => {
  say(lineOf(run));
  const found = [...run.breaches, ...run.problems];
  for (const problem of found.slice(said)) say(`problem: ${problem}`);
  said = found.length;
}, sayEveryMs);
await run.run(early.signal);
clearInterval(saying);
say(lineOf(run));

const counts = {
  messages: run.appended,
  handlers: run.sum(({ started }) => started),
  handled: run.sum(({ writes }) => writes.handled),
  repeated: run.sum(({ writes }) => writes.repeated),
  'refused by the sink': run.refused,
  'attempts that failed': run.failedAttempts,
  generations: run.sum(({ generations }) => generations),
};
const outOfOrder = run.sum(({ writes }) => writes.breaches.length);
const twoOwners = run.sum(({ breaches }) => breaches.length);
const kinds = Object.fromEntries(faultMix.map(([, name]) => [name, run.happened.get(name) ?? 0]));
const verdicts = [
  atLeast('groups', `faults over ${values.store}`, run.faults, faults),
  atLeast('groups', `faults of the rarest kind over ${values.store}`, Math.min(...Object.values(kinds)), 1),
  atLeast(
    'groups',
    `writes of former owners refused over ${values.store}`,
    run.refused,
    run.faults > fewFaults ? 1 : 0,
  ),
  atMost('groups', `messages that a group did not handle over ${values.store}`, run.missing, 0),
  atMost('groups', `writes out of order over ${values.store}`, outOfOrder, 0),
  atMost('groups', `handlers started by two owners over ${values.store}`, twoOwners, 0),
  atMost('groups', `other problems over ${values.store}`, run.problemCount - outOfOrder - twoOwners, 0),
];
for (const [name, count] of Object.entries({ ...kinds, ...counts })) say(`${String(count).padStart(10)}  ${name}`);
for (const problem of run.problems) say(`problem: ${problem}`);
for (const { claim, reached, met } of verdicts) say(`${met ? 'met' : 'NOT'}  ${claim}: ${reached}`);
if (!values['no-results']) {
  const result = {
    scenario: `group-faults-${values.store}`,
    settings: { faults, minutes, seed, ...settings },
    series: [series('faults', [kinds]), { ...series('members', [counts]), problems: run.problems }],
    missing: [],
    verdicts,
  };
  say(writeResults(join(root, 'load/results'), root, [result], early.signal.aborted ? 'interrupted' : 'completed'));
}
process.exitCode = verdicts.every(({ met }) => met) ? 0 : 1;

function lineOf({ faults, appended, missing, breaches, problemCount, sinks }: GroupFaults): string {
  const wrong = breaches.length + problemCount;
  return `${faults} faults, ${appended} messages to ${sinks.size} groups, ${missing} behind: ${wrong} problems`;
}

function stop(why: string): never {
  console.error(why);
  process.exit(1);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
