import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, atMost, type Reading, type Verdict } from '../lib/results.ts';
import { Life } from './life.ts';
import { Random } from './random.ts';
import { SoakReader } from './reader.ts';
import { type Rest, SoakServer } from './server.ts';
import { Tally } from './tally.ts';
import { wishes } from './wishes.ts';

export type SoakOptions = {
  /** Work tree whose server runs. */
  readonly root: string;
  readonly durationMs: number;
  /** Where the server keeps messages; a file of SQLite goes with the run. */
  readonly store: 'memory' | 'sqlite';
  /** Namespaces at once. */
  readonly namespaces: number;
  /** Mean appends a second, over all namespaces. */
  readonly rate: number;
  /** Mean connections a second that come only to go. */
  readonly churn: number;
  readonly seed: number;
  readonly say: (text: string) => void;
};

export type SoakReport = {
  readonly counts: Tally['counts'];
  readonly problems: readonly string[];
  /** Before any load, and after each stage of it. */
  readonly rests: readonly Rest[];
  /** Under load. */
  readonly mostResidentMib: number;
  readonly laggingEpisodes: number;
  readonly pokesSent: number;
  readonly verdicts: readonly Verdict[];
};

/** Stages of load with a rest behind each: what is kept after the first is the plateau that later ones are held to. */
const stageMs = 120_000;
const fewestStages = 3;
/** A namespace lives for as long, with everything in its log. */
const longestLifeMs = 40_000;
/** A rest takes about as long; it counts to the duration. */
const restMs = 3_500;
const sampleMs = 2_000;
const incidentMs = 3_000;

/** Limits of what may be kept after a later stage beyond the first: what caches and compiled code still grow by. */
const heapGrowth = 0.04;
const heapGrowthMib = 1;
const residentGrowth = 0.15;
const residentGrowthMib = 16;

const serverFlags = ['--stall-timeout-ms=4000', '--heartbeat-ms=500'];

/** Loads a server of its own for the duration and tells what happened. Problems are in the report; it throws when it cannot go on. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { root, durationMs, say } = options;
  const random = new Random(options.seed);
  const tally = new Tally();
  const folder = mkdtempSync(join(tmpdir(), 'pokewire-soak-'));
  await using closing = new AsyncDisposableStack();
  closing.defer(() => rmSync(folder, { recursive: true }));
  const url = options.store === 'memory' ? 'memory:' : `sqlite:${join(folder, 'pokewire.db')}`;
  const server = closing.use(await SoakServer.start(root, [...serverFlags, `--store=${url}`]));
  const stages = Math.max(fewestStages, Math.round(durationMs / stageMs));
  // The first collection opens the inspector, which is there from then on.
  await server.rest();
  const rests = [await server.rest()];
  let mostResidentMib = 0;
  const sampling = setInterval(() => {
    mostResidentMib = Math.max(mostResidentMib, server.residentMib);
  }, sampleMs);
  try {
    const loadMs = durationMs / stages - (restMs * (stages + 2)) / stages;
    for (let stage = 1; stage <= stages; stage++) {
      await load(server, loadMs, { ...options, random, tally });
      const rest = await server.rest(rests[0]!.descriptors);
      rests.push(rest);
      say(`stage ${stage} of ${stages}: ${textOf(rest)}; ${tally.counts.pokes} pokes, ${tally.problemCount} problems`);
    }
  } finally {
    clearInterval(sampling);
  }
  const metric = await server.metrics();
  return {
    counts: tally.counts,
    problems: tally.problems,
    rests,
    mostResidentMib,
    laggingEpisodes: metric('pokewire_lagging_episodes_total'),
    pokesSent: metric('pokewire_pokes_sent_total'),
    verdicts: verdictsOf(rests, tally),
  };
}

type LoadOptions = SoakOptions & { readonly random: Random; readonly tally: Tally };

/** Lets namespaces live and die for a while. */
async function load(server: SoakServer, durationMs: number, options: LoadOptions): Promise<void> {
  const { namespaces, rate, churn, random, tally } = options;
  const endMs = performance.now() + durationMs;
  const slots = Array.from({ length: namespaces }, async (_, slot) => {
    const readers = wishes.map((wish) => new SoakReader(wish, { server, random, tally, incidentMs }));
    // A little apart, so that not all namespaces are young at once.
    await sleep((slot * incidentMs) / namespaces);
    const lives = Math.max(2, Math.round(durationMs / longestLifeMs));
    for (let life = 0; life < lives; life++) {
      const leftMs = endMs - performance.now();
      const over = AbortSignal.timeout(Math.max(0, Math.floor(leftMs / (lives - life))));
      await new Life(`soak-${slot}`, { server, random, tally, rate: rate / namespaces, churn: churn / namespaces }).run(
        readers,
        over,
      );
    }
  });
  await Promise.all(slots);
}

function verdictsOf(rests: readonly Rest[], { problemCount, counts }: Tally): Verdict[] {
  const [start, first, ...later] = rests as [Rest, Rest, ...Rest[]];
  const most = (read: (rest: Rest) => number) => Math.max(...later.map(read));
  const every = [first, ...later];
  const inUse = ({ heapMib, externalMib }: Rest) => heapMib + externalMib;
  const bound = (value: number, share: number, mib: number) => value + Math.max(value * share, mib);
  const rarest = Math.min(counts.cuts, counts.stalls, counts.resets, counts.endsDeleted);
  return [
    atMost('soak', 'pokes missing, twice or out of order, and other problems', problemCount, 0),
    atMost(
      'soak',
      'MiB in use at rest, heap and buffers, after later stages',
      most(inUse),
      bound(inUse(first), heapGrowth, heapGrowthMib),
    ),
    atMost(
      'soak',
      'MiB resident at rest after later stages',
      most(({ residentMib }) => residentMib),
      bound(first.residentMib, residentGrowth, residentGrowthMib),
    ),
    atMost('soak', 'things lent by pools at rest', Math.max(...every.map(({ leased }) => leased)), 0),
    atMost('soak', 'subscriptions at rest', Math.max(...every.map(({ subscriptions }) => subscriptions)), 0),
    atMost(
      'soak',
      'bytes of deleted namespaces in the store',
      Math.max(...every.map(({ storeBytes }) => storeBytes)) - start.storeBytes,
      0,
    ),
    atMost(
      'soak',
      'file descriptors at rest',
      Math.max(...every.map(({ descriptors }) => descriptors)),
      start.descriptors,
    ),
    atLeast('soak', 'cuts, stalls, resets and deletions, of the rarest', rarest, 1),
  ];
}

/** A rest as a reading of results. */
export function readingOf(rest: Rest): Reading {
  return { ...rest };
}

function textOf({ residentMib, heapMib, externalMib, descriptors, subscriptions, leased }: Rest): string {
  const memory = `${residentMib.toFixed(0)} MiB resident, ${heapMib.toFixed(1)} heap, ${externalMib.toFixed(1)} external`;
  return `${memory}, ${descriptors} descriptors, ${subscriptions} subscriptions, ${leased} lent`;
}
