import { findPeer } from './peers.ts';
import type { Reading, ScenarioResult, Series } from './results.ts';
import { series } from './results.ts';
import { pokewire, type ServerCores, type Target } from './target.ts';

/** What a scenario is run with. */
export type Context = {
  /** Work tree of the Pokewire that is measured. */
  readonly root: string;
  /** Repeats asked for on the command line; a scenario has its own number otherwise. */
  readonly repeats: number | undefined;
  /** Peers asked for; a scenario has its own list otherwise. */
  readonly peers: readonly string[] | undefined;
  /** Where CPU profiles of Pokewire go. */
  readonly profileDir: string | undefined;
  /** Whether sizes are measured that take minutes to make. */
  readonly large: boolean;
  /** How long one repeat of a scenario measures that can go on for long; it has its own time otherwise. */
  readonly seconds: number | undefined;
  /** Says what is being done. */
  readonly say: (text: string) => void;
};

export type Scenario = (context: Context) => Promise<ScenarioResult>;

/** The servers of a scenario: Pokewire first, then the peers that are here; and those that are not. */
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

/** How often, the same for all or by the name of a target: one that no target is about shows where it stands at once. */
export type Repeats = number | ((target: string) => number);

/** Repeats in turn, A B C A B C, so that what the machine does meanwhile meets all targets alike. */
export async function repeatInTurn<T extends { readonly name: string }>(
  context: Context,
  targets: readonly T[],
  repeats: Repeats,
  measure: (target: T) => Promise<Reading>,
): Promise<Series[]> {
  return (await repeatSteps(context, targets, repeats, [undefined], async (target) => [await measure(target)])).flat();
}

/** The same for a measurement with several steps, one reading each: gives the series of all targets for each setting. */
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

/** Numbers by name in one line. */
export function inWords(named: Readonly<Record<string, number | string>>): string {
  return Object.entries(named)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
    .join(', ');
}

/** The median of a number of a target's series; NaN where it was not measured. */
export function medianOf(all: readonly Series[], target: string, name: string): number {
  return all.find((one) => one.target === target)?.median[name] ?? Number.NaN;
}
