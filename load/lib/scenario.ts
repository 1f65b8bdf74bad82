import { findPeer } from './peers.ts';
import type { Reading, ScenarioResult, Series } from './results.ts';
import { series } from './results.ts';
import { pokewire, type ServerCores, type Target } from './target.ts';

/** Parameters of a scenario. */
export type Context = {
  /** Work tree of the measured Pokewire. */
  readonly root: string;
  /** Repeats from the command line; otherwise the scenario's own number. */
  readonly repeats: number | undefined;
  /** Peers from the command line; otherwise the scenario's own list. */
  readonly peers: readonly string[] | undefined;
  /** Folder for CPU profiles of Pokewire. */
  readonly profileDir: string | undefined;
  /** Whether to measure sizes that take minutes to create. */
  readonly large: boolean;
  /** Duration of one repeat, for scenarios with a variable one; otherwise the scenario's own. */
  readonly seconds: number | undefined;
  /** Reports progress. */
  readonly say: (text: string) => void;
};

export type Scenario = (context: Context) => Promise<ScenarioResult>;

/** The servers of a scenario: Pokewire first, then the available peers; and those not available. */
export function targetsOf(context: Context, peerNames: readonly string[]) {
  const found = (context.peers ?? peerNames).map(findPeer);
  return {
    targets: [pokewireOf(context), ...found.filter((peer): peer is Target => 'start' in peer)],
    missing: found.flatMap((peer) => ('missing' in peer ? [{ peer: peer.name, why: peer.missing }] : [])),
  };
}

/** Pokewire with these flags, under this name in the results. */
export function pokewireOf(
  { root, profileDir }: Context,
  flags: readonly string[] = [],
  name = 'pokewire',
  cores: ServerCores = 'one',
): Target {
  return pokewire({ name, root, flags, cores, ...(profileDir === undefined ? {} : { profileDir }) });
}

/** Number of repeats, for all targets or by name. A peer without a bound needs only one. */
export type Repeats = number | ((target: string) => number);

/** Repeats round robin (A B C A B C), so that disturbances affect all targets alike. */
export async function repeatInTurn<T extends { readonly name: string }>(
  context: Context,
  targets: readonly T[],
  repeats: Repeats,
  measure: (target: T) => Promise<Reading>,
): Promise<Series[]> {
  return (await repeatSteps(context, targets, repeats, [undefined], async (target) => [await measure(target)])).flat();
}

/** The same for measurements with several steps, with one reading each. Returns the series of all targets for each setting. */
export async function repeatSteps<T extends { readonly name: string }>(
  context: Context,
  targets: readonly T[],
  repeats: Repeats,
  settings: readonly Series['setting'][],
  measure: (target: T) => Promise<Reading[]>,
): Promise<Series[][]> {
  const readings = new Map<T, Reading[][]>(targets.map((target) => [target, []]));
  const problems = new Map<T, string[]>(targets.map((target) => [target, []]));
  const repeatsOf = ({ name }: T) => context.repeats ?? (typeof repeats === 'number' ? repeats : repeats(name));
  for (let repeat = 0; repeat < Math.max(...targets.map(repeatsOf)); repeat++) {
    for (const target of targets.filter((one) => repeat < repeatsOf(one))) {
      try {
        const steps = await measure(target);
        readings.get(target)!.push(steps);
        for (const [at, reading] of steps.entries()) {
          const set = settings[at] === undefined ? '' : ` (${inWords(settings[at])})`;
          context.say(`${target.name} ${repeat + 1}${set}: ${inWords(reading)}`);
        }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        problems.get(target)!.push(reason);
        context.say(`${target.name} ${repeat + 1} failed: ${reason}`);
      }
    }
  }
  return settings.map((setting, at) =>
    targets.map((target) => {
      const wrong = problems.get(target)!;
      const steps = readings.get(target)!.map((repeat) => repeat[at]!);
      const measured = series(target.name, steps, setting);
      return wrong.length === 0 ? measured : { ...measured, problems: wrong };
    }),
  );
}

/** Named numbers as one line of text. */
export function inWords(named: Readonly<Record<string, number | string>>): string {
  return Object.entries(named)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
    .join(', ');
}

/** The median of a metric in a target's series; NaN if it was not measured. */
export function medianOf(all: readonly Series[], target: string, name: string): number {
  return all.find((one) => one.target === target)?.median[name] ?? Number.NaN;
}
