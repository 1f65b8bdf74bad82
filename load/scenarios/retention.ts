import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { arrayOf, Bench } from '../lib/bench.ts';
import { DatabaseFolder, storeFlags } from '../lib/database.ts';
import { residentKib } from '../lib/machine.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import { median } from '../lib/statistics.ts';

const settings = {
  messagesPerSecond: 10_000,
  /** Two cores cannot both send and serve 10,000 requests a second. */
  messagesPerRequest: 10,
  /** Many, because a server processes one request per connection at a time, and lets only 100 wait. */
  connections: 32,
  keptMessages: 100_000,
  warmUpSeconds: 15,
  usualSeconds: 20,
  sampleEveryMs: 1_000,
};

/** Appends as fast as retention deletes, compared with no limit: files and memory must stay constant, and appends hardly slow down. */
export async function retention(context: Context): Promise<ScenarioResult> {
  const seconds = context.seconds ?? settings.usualSeconds;
  using folder = new DatabaseFolder();
  const limit = ['--retention-max-messages', String(settings.keptMessages)];
  const stores = ['memory', 'sqlite'].flatMap((store) => [
    { name: store, store, flags: limit },
    { name: `${store}-unlimited`, store, flags: [] },
  ]);
  const series = await repeatInTurn(context, stores, 1, async ({ name, store, flags }) => {
    const path = store === 'sqlite' ? folder.fresh() : undefined;
    // A durable store works in its own threads, so all servers get both cores, as on any machine.
    const server = pokewireOf(context, [...flags, '--store-max-bytes=0'], name, 'all');
    // Without a limit nothing stays constant, and memory would not suffice for the whole duration.
    const measured = flags.length > 0 ? seconds : Math.min(seconds, settings.usualSeconds);
    return Bench.run(server, (bench) => measure(bench, path, measured), path === undefined ? [] : storeFlags(path));
  });
  const of = (name: string, what: string) => medianOf(series, name, what);
  return {
    scenario: 'retention',
    settings: { ...settings, seconds },
    series,
    missing: [],
    verdicts: ['memory', 'sqlite'].flatMap((name) => [
      atMost(
        '9i',
        `${name}: append p99 while messages are forgotten as fast as they come, times that without a limit`,
        of(name, 'ackP99Ms') / of(`${name}-unlimited`, 'ackP99Ms'),
        2,
      ),
      atMost('9i', `${name}: memory at the end, times that at the beginning`, of(name, 'residentGrowth'), 1.1),
      ...(name === 'memory'
        ? []
        : [
            atMost(
              '9i',
              `${name}: file and its log at the end, times those at the beginning`,
              of(name, 'fileGrowth'),
              1.1,
            ),
          ]),
    ]),
  };
}

type Sample = { readonly residentMib: number; readonly fileMib: number };

async function measure(bench: Bench, path: string | undefined, seconds: number): Promise<Reading> {
  const { messagesPerSecond, messagesPerRequest, connections, warmUpSeconds, sampleEveryMs } = settings;
  const body = arrayOf(bench.target.appendBody, messagesPerRequest);
  const pace = (forSeconds: number) =>
    bench.pace({
      perSecond: messagesPerSecond / messagesPerRequest,
      durationMs: forSeconds * 1_000,
      connections,
      body,
    });
  // Waits until the limit is reached and the space of deleted messages is reused.
  await pace(warmUpSeconds);
  const samples: Sample[] = [];
  const stop = new AbortController();
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      samples.push(sample(bench.server.pid, path));
      await sleep(sampleEveryMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  })();
  const meter = bench.meter(bench.publishers.pid);
  const { ackMs } = await pace(seconds);
  const { serverShare, loadShare } = meter.read();
  stop.abort();
  await sampling;
  const kept = await bench.metric('pokewire_store_messages');
  return {
    ackP50Ms: ackMs.p50,
    ackP99Ms: ackMs.p99,
    ackMaxMs: ackMs.max,
    keptMessages: kept,
    forgottenMessages: await bench.metric('pokewire_messages_forgotten_total'),
    ...growth(samples, 'residentMib', 'resident'),
    ...(path === undefined ? {} : growth(samples, 'fileMib', 'file')),
    serverShare,
    loadShare,
  };
}

function sample(pid: number, path: string | undefined): Sample {
  const bytesOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const fileBytes = path === undefined ? 0 : bytesOf(path) + bytesOf(`${path}-wal`);
  return { residentMib: residentKib(pid) / 1_024, fileMib: fileBytes / 1_048_576 };
}

/** Medians of the first and last fifth, because memory goes up and down with each collection. */
function growth(samples: readonly Sample[], what: keyof Sample, name: string): Reading {
  const values = samples.map((one) => one[what]);
  const fifth = Math.max(1, Math.floor(values.length / 5));
  const [first, last] = [median(values.slice(0, fifth)), median(values.slice(-fifth))];
  return { [`${name}FirstMib`]: first, [`${name}LastMib`]: last, [`${name}Growth`]: last / first };
}
