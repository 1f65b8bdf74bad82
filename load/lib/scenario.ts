import { findPeer } from './peers.ts';
import type { Reading, ScenarioResult, Series } from './results.ts';
import { series } from './results.ts';
import { pokewire, type Target } from './target.ts';

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
export function pokewireOf({ root, profileDir }: Context, flags: readonly string[] = [], name = 'pokewire'): Target {
  return pokewire({ name, root, flags, ...(profileDir === undefined ? {} : { profileDir }) });
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
  const readings = new Map<T, Reading[]>(targets.map((target) => [target, []]));
  const problems = new Map<T, string[]>(targets.map((target) => [target, []]));
  const repeatsOf = ({ name }: T) => context.repeats ?? (typeof repeats === 'number' ? repeats : repeats(name));
  for (let repeat = 0; repeat < Math.max(...targets.map(repeatsOf)); repeat++) {
    for (const target of targets.filter((one) => repeat < repeatsOf(one))) {
      try {
        const reading = await measure(target);
        readings.get(target)!.push(reading);
        context.say(`${target.name} ${repeat + 1}: ${inWords(reading)}`);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        problems.get(target)!.push(reason);
        context.say(`${target.name} ${repeat + 1} failed: ${reason}`);
      }
    }
  }
  return targets.map((target) => {
    const wrong = problems.get(target)!;
    const measured = series(target.name, readings.get(target)!);
    return wrong.length === 0 ? measured : { ...measured, problems: wrong };
  });
}

/** A reading in one line. */
export function inWords(reading: Reading): string {
  return Object.entries(reading)
    .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : Number(value.toPrecision(4))}`)
    .join(', ');
}

/** The median of a number of a target's series; NaN where it was not measured. */
export function medianOf(all: readonly Series[], target: string, name: string): number {
  return all.find((one) => one.target === target)?.median[name] ?? Number.NaN;
}
