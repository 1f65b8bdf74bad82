/**
 * `npm run chaos`: several nodes over one store, whose processes are killed one after another; shows losses, and ends
 * after a while.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Chaos } from './chaos.ts';
import { History, screenOf, verdictOf } from './screen.ts';
import { startChaos } from './start-chaos.ts';
import { chaosStores } from './stores.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    store: { type: 'string', default: 'nats' },
    subscribers: { type: 'string', default: '60' },
    /** Enables every kind of fault, not only kills. */
    all: { type: 'boolean', default: false },
    /** Reproduces the order of events, not their timing. */
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});

const lookMs = 250;
const lineEveryMs = 5_000;
const durationMs = Number(values.minutes) * 60_000;
const subscribers = Number(values.subscribers);
const seed = Number(values.seed);
const start = chaosStores[values.store];
if (!(durationMs > 0) || !(subscribers > 0 && Number.isInteger(subscribers)) || !Number.isInteger(seed)) {
  refuse('--minutes is a number above 0, --subscribers an integer above 0, --seed an integer.');
}
if (start === undefined) refuse(`--store is one of ${Object.keys(chaosStores).join(', ')}.`);
if (typeof start === 'string') refuse(`${start}.`);

// A process that hangs must not block the run forever.
setTimeout(
  () => {
    console.error('stopped: it took far longer than it should');
    process.exit(1);
  },
  durationMs * 1.5 + 240_000,
).unref();
const early = new AbortController();
// The first interrupt ends the run with its verdict, the second ends it at once.
process.once('SIGINT', () => early.abort());
process.once('SIGTERM', () => early.abort());

console.log(`three nodes over ${values.store} for ${values.minutes} minutes, seed ${seed}`);
await using started = await startChaos({ start, all: values.all, subscribers, durationMs, seed });
const { chaos, nodePorts } = started;
const running = chaos.run(early.signal);
await Promise.all([show(chaos), running]);
for (const [name, count] of chaos.inflicted) console.log(`${String(count).padStart(5)} × ${name}`);
for (const problem of chaos.problems) console.log(`problem: ${problem}`);
console.log(
  `${chaos.isClean ? 'met' : 'NOT'}: every acknowledged message is stored once, and every subscriber was told each once, in order`,
);
process.exitCode = chaos.isClean ? 0 : 1;

async function show(chaos: Chaos): Promise<void> {
  const history = new History();
  const isTerminal = process.stdout.isTTY;
  let drawn = 0;
  let nextSecondMs = 0;
  let nextLineMs = 0;
  for (;;) {
    const { elapsedMs, phase } = chaos;
    const isOver = phase === 'over';
    if (elapsedMs >= nextSecondMs) {
      history.add(chaos.stored);
      nextSecondMs += 1_000;
    }
    if (isTerminal) {
      const lines = screenOf(chaos, history, nodePorts);
      // Overwrites the previous screen.
      const up = drawn > 0 ? `\x1b[${drawn}A` : '';
      process.stdout.write(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`);
      drawn = lines.length;
    } else if (elapsedMs >= nextLineMs || isOver) {
      console.log(lineOf(chaos));
      nextLineMs += lineEveryMs;
    }
    if (isOver) return;
    await delay(lookMs);
  }
}

function lineOf({ elapsedMs, stored, readers, inflicted, wrong }: Chaos): string {
  const faults = inflicted.values().reduce((sum, count) => sum + count, 0);
  const told = readers.reduce((sum, { judge }) => sum + judge.told, 0);
  const seconds = (elapsedMs / 1_000).toFixed(0).padStart(5);
  return `${seconds} s  ${stored} messages, ${told} pokes, ${faults} faults: ${verdictOf(wrong)}`;
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
