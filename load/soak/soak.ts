import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, atMost, type Reading, type Verdict } from '../lib/results.ts';
import { Attack, attackedFlags } from './attack.ts';
import { Life } from './life.ts';
import { Random } from './random.ts';
import { SoakReader, slept } from './reader.ts';
import { type Rest, SoakServer } from './server.ts';
import { Tally } from './tally.ts';
import { wishes } from './wishes.ts';

export type SoakOptions = {
  /** Work tree of the server. */
  readonly root: string;
  /** Duration of the load; each measurement at rest adds up to 15 s. */
  readonly durationMs: number;
  /** Where the server stores messages; a SQLite file is deleted after the run. */
  readonly store: 'memory' | 'sqlite';
  /** Concurrent namespaces. */
  readonly namespaces: number;
  /** Mean appends per second over all namespaces. */
  readonly rate: number;
  /** Mean connections per second that open only to close. */
  readonly churn: number;
  readonly seed: number;
  /** Whether to run all attacks of the tests in addition. */
  readonly attackers: boolean;
  readonly say: (text: string) => void;
};

export type SoakReport = {
  readonly counts: Tally['counts'];
  /** Rounds of the attackers, by title of the attack. */
  readonly rounds: Tally['rounds'];
  readonly problems: readonly string[];
  /** Before any load, and after each stage. */
  readonly rests: readonly Rest[];
  /** Under load. */
  readonly mostResidentMib: number;
  readonly laggingEpisodes: number;
  readonly pokesSent: number;
  readonly verdicts: readonly Verdict[];
};

/**
 * Stages of load, with a rest after each. Memory that remains after the first stage is the plateau for later ones.
 * Attacks differ from stage to stage, and so does the growth of heap, tables and compiled code; with attacks the
 * plateau is the first half of the stages.
 */
const stageMs = 120_000;
/** Duration of a stage with attackers, which has one namespace after another. */
const attackMs = 60_000;
const fewestStages = 3;
/** Lifetime of a namespace with everything in its log. */
const longestLifeMs = 40_000;
const sampleMs = 2_000;
const incidentMs = 3_000;

/** Permitted growth after later stages relative to the plateau, for caches and compiled code. */
const heapGrowth = 0.04;
const heapGrowthMib = 1;
const residentGrowth = 0.15;
const residentGrowthMib = 16;

const serverFlags = [
  '--stall-timeout-ms=4000',
  '--heartbeat-ms=500',
  // Other work on the machine must not change the answers.
  '--max-event-loop-delay-ms=0',
];

/** Loads a server for the duration and reports what happened. Problems are in the report; throws if it cannot continue. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { root, durationMs, attackers, say } = options;
  const random = new Random(options.seed);
  const tally = new Tally();
  const folder = mkdtempSync(join(tmpdir(), 'pokewire-soak-'));
  await using closing = new AsyncDisposableStack();
  closing.defer(() => rmSync(folder, { recursive: true }));
  const url = options.store === 'memory' ? 'memory:' : `sqlite:${join(folder, 'pokewire.db')}`;
  const flags = [...serverFlags, ...(attackers ? attackedFlags : []), `--store=${url}`];
  const server = closing.use(await SoakServer.start(root, flags));
  const readers = Array.from({ length: options.namespaces }, () =>
    wishes.map((wish) => new SoakReader(wish, { server, random, tally, incidentMs })),
  );
  const stages = Math.max(fewestStages, Math.round(durationMs / (attackers ? attackMs : stageMs)));
  // The first collection opens the inspector, which stays open.
  await server.rest();
  const rests = [await server.rest()];
  let mostResidentMib = 0;
  const sampling = setInterval(() => {
    mostResidentMib = Math.max(mostResidentMib, server.residentMib);
  }, sampleMs);
  try {
    for (let stage = 1; stage <= stages; stage++) {
      const loading = attackers ? loadUnderAttack : load;
      await loading(server, durationMs / stages, { ...options, readers, random, tally });
      const rest = await server.rest(rests[0]);
      rests.push(rest);
      say(`stage ${stage} of ${stages}: ${textOf(rest)}; ${tally.counts.pokes} pokes, ${tally.problemCount} problems`);
    }
  } finally {
    clearInterval(sampling);
  }
  const metric = await server.metrics();
  return {
    counts: tally.counts,
    rounds: tally.rounds,
    problems: tally.problems,
    rests,
    mostResidentMib,
    laggingEpisodes: metric('pokewire_lagging_episodes_total'),
    pokesSent: metric('pokewire_pokes_sent_total'),
    verdicts: verdictsOf(rests, tally, attackers),
  };
}

type LoadOptions = SoakOptions & {
  /** Readers of each namespace. */
  readonly readers: readonly (readonly SoakReader[])[];
  readonly random: Random;
  readonly tally: Tally;
};

/**
 * Starts the attack when the readers are connected, because it delays new connections, and ends it before the
 * namespaces end, so that delayed readers can receive the rest.
 */
async function loadUnderAttack(server: SoakServer, durationMs: number, options: LoadOptions): Promise<void> {
  const { tally, random } = options;
  const connected = Promise.withResolvers<void>();
  const calm = new AbortController();
  const over = AbortSignal.timeout(Math.round(durationMs));
  const loaded = load(server, durationMs, options, connected.resolve);
  await Promise.race([connected.promise, loaded]);
  server.bearAttack(calm.signal, tally);
  try {
    await using attack = await Attack.begin(server, random.below(2 ** 31));
    await slept(durationMs, over);
    await attack.end(tally);
  } finally {
    calm.abort();
  }
  await loaded;
}

/** Creates and deletes namespaces for a while; `onConnected` is called when each has its readers. */
async function load(
  server: SoakServer,
  durationMs: number,
  { readers, attackers, rate, churn, random, tally }: LoadOptions,
  onConnected = () => {},
): Promise<void> {
  const endMs = performance.now() + durationMs;
  const share = { rate: rate / readers.length, churn: churn / readers.length };
  const lives = attackers ? 1 : Math.max(2, Math.round(durationMs / longestLifeMs));
  let connecting = readers.length;
  const slots = readers.map(async (ownReaders, slot) => {
    // Staggered, so that the namespaces differ in age.
    await sleep((slot * incidentMs) / readers.length);
    for (let life = 0; life < lives; life++) {
      const leftMs = endMs - performance.now();
      const over = AbortSignal.timeout(Math.max(0, Math.floor(leftMs / (lives - life))));
      const slotConnected = () => {
        if (--connecting === 0) onConnected();
      };
      const options = { server, random, tally, ...share, onConnected: slotConnected };
      await new Life(`soak-${slot}`, options).run(ownReaders, over);
    }
  });
  await Promise.all(slots);
}

function verdictsOf(rests: readonly Rest[], { problemCount, counts, rounds }: Tally, attackers: boolean): Verdict[] {
  const [start, ...every] = rests as [Rest, ...Rest[]];
  const plateau = every.slice(0, attackers ? Math.ceil(every.length / 2) : 1);
  const later = every.slice(plateau.length);
  const most = (some: readonly Rest[], read: (rest: Rest) => number) => Math.max(...some.map(read));
  const resident = ({ residentMib }: Rest) => residentMib;
  const inUse = ({ heapMib, externalMib }: Rest) => heapMib + externalMib;
  const bound = (value: number, share: number, mib: number) => value + Math.max(value * share, mib);
  const rarest = Math.min(counts.cuts, counts.stalls, counts.resets, counts.endsDeleted);
  return [
    atMost('soak', 'pokes missing, twice or out of order, and other problems', problemCount, 0),
    atMost(
      'soak',
      'MiB in use at rest, heap and buffers, after later stages',
      most(later, inUse),
      bound(most(plateau, inUse), heapGrowth, heapGrowthMib),
    ),
    atMost(
      'soak',
      'MiB resident at rest after later stages',
      most(later, resident),
      bound(most(plateau, resident), residentGrowth, residentGrowthMib),
    ),
    atMost('soak', 'things lent by pools at rest', Math.max(...every.map(({ leased }) => leased)), 0),
    atMost('soak', 'reads under way at rest', Math.max(...every.map(({ reads }) => reads)), 0),
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
    ...(attackers ? [atLeast('soak', 'rounds of the rarest attack', Math.min(...Object.values(rounds)), 1)] : []),
  ];
}

/** A measurement at rest as a reading for the results. */
export function readingOf(rest: Rest): Reading {
  return { ...rest };
}

function textOf({ residentMib, heapMib, externalMib, descriptors, subscriptions, leased }: Rest): string {
  const memory = `${residentMib.toFixed(0)} MiB resident, ${heapMib.toFixed(1)} heap, ${externalMib.toFixed(1)} external`;
  return `${memory}, ${descriptors} descriptors, ${subscriptions} subscriptions, ${leased} lent`;
}
