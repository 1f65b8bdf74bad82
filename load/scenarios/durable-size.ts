import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from '../lib/bench.ts';
import { DatabaseFolder, fillDatabase, storeFlags } from '../lib/database.ts';
import { atMost, type Reading, type ScenarioResult, type Series, series } from '../lib/results.ts';
import { type Context, inWords, medianOf, pokewireOf } from '../lib/scenario.ts';
import { measurePokePages } from '../lib/store-pages.ts';
import type { Target } from '../lib/target.ts';

const settings = { messages: [100_000, 1_000_000], starts: 3, pageMessages: 1_000, reads: 200, appends: 2_000 };
const large = 10_000_000;

/** Properties that must not depend on the size of a durable log: start, memory, pages. */
export async function durableSize(context: Context): Promise<ScenarioResult> {
  const sizes = context.large ? [...settings.messages, large] : settings.messages;
  const target = pokewireOf(context, [], 'sqlite');
  const measured: Series[] = [];
  for (const messages of sizes) {
    const reading = await measureSize(target, messages);
    context.say(`sqlite (messages ${messages}): ${inWords(reading)}`);
    measured.push(series('sqlite', [reading], { messages }));
  }
  const at = (messages: number, name: string) =>
    medianOf(
      measured.filter(({ setting }) => setting?.messages === messages),
      'sqlite',
      name,
    );
  const [least, million, most] = [sizes[0]!, 1_000_000, sizes.at(-1)!];
  return {
    scenario: 'durable-size',
    settings: { ...settings, messages: sizes },
    series: measured,
    missing: [],
    verdicts: [
      ...sizes
        .slice(1)
        .map((messages) =>
          atMost(
            '9f',
            `s from the start until ready with ${messages.toLocaleString('en')} messages`,
            at(messages, 'readySeconds'),
            1,
          ),
        ),
      atMost(
        '9f',
        `resident memory with ${most.toLocaleString('en')} messages, times that with ${least.toLocaleString('en')}`,
        at(most, 'residentMib') / at(least, 'residentMib'),
        1.2,
      ),
      atMost('9h', 'ms for a page of 1,000 pokes of a category', at(million, 'categoryPokesPageMs'), 0.4),
      atMost('9h', 'ms for a page of 1,000 pokes of one of 4 members', at(million, 'memberPokesPageMs'), 2),
    ],
  };
}

async function measureSize(target: Target, messages: number): Promise<Reading> {
  // One after another, because the largest takes some gigabytes.
  using folder = new DatabaseFolder();
  const path = folder.fresh();
  const flags = storeFlags(path);
  await Bench.run(target, awaitReady, flags);
  fillDatabase(path, messages);
  let readySeconds = Number.POSITIVE_INFINITY;
  for (let start = 0; start < settings.starts; start++) {
    const startMs = performance.now();
    // The minimum, since disk and machine can only increase the time.
    readySeconds = Math.min(readySeconds, await Bench.run(target, (bench) => readyAfter(bench, startMs), flags));
  }
  const residentMib = await Bench.run(target, (bench) => residentAfterWork(bench, messages), flags);
  return { readySeconds, residentMib, ...(await measurePokePages(path, messages)) };
}

async function awaitReady({ server }: Bench): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await fetch(`http://127.0.0.1:${server.port}/ready`)).ok) return;
    await sleep(10);
  }
  throw new Error('the server does not become ready');
}

async function readyAfter(bench: Bench, startMs: number): Promise<number> {
  await awaitReady(bench);
  return (performance.now() - startMs) / 1_000;
}

/** The same work for every size: pages from all over the log, appends, and a subscription up to the end. */
async function residentAfterWork(bench: Bench, messages: number): Promise<number> {
  const { pageMessages, reads, appends } = settings;
  const path = `/categories/account1/messages?position=1&batchSize=${pageMessages}`;
  for (let read = 0; read < reads; read++) {
    const position = Math.floor((messages * read) / reads);
    const response = await fetch(`http://127.0.0.1:${bench.server.port}${path.replace('=1&', `=${position}&`)}`);
    await response.arrayBuffer();
  }
  await bench.publish({ connections: 8, count: appends });
  return (await bench.settledKib()) / 1_024;
}
