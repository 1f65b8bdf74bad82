import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeCommit, describeMachine } from './machine.ts';
import { peerVersions } from './peers.ts';
import { median } from './statistics.ts';

/** One repeat's numbers by name; names include the unit. */
export type Reading = Readonly<Record<string, number>>;

/** All repeats of one server with one setting. */
export type Series = {
  readonly target: string;
  /** Variables of the scenario: number of subscribers, rate and so on. */
  readonly setting?: Readonly<Record<string, number | string>>;
  readonly repeats: readonly Reading[];
  readonly median: Reading;
  /** Errors such as a gap, a wrong order or a refused connection. */
  readonly problems?: readonly string[];
};

/** To what degree one of the project's numbered targets was met. */
export type Verdict = {
  /** Number of the target in `load/README.md`, with a letter for its parts. */
  readonly target: string;
  readonly claim: string;
  /** The measured number that is compared with the bound. */
  readonly reached: number;
  /** Side of the bound on which it must be; absent in old result files. */
  readonly direction?: 'at least' | 'at most';
  readonly bound: number;
  readonly met: boolean;
};

export type ScenarioResult = {
  readonly scenario: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly series: readonly Series[];
  readonly missing: readonly { readonly peer: string; readonly why: string }[];
  readonly verdicts: readonly Verdict[];
};

/** Repeats with their medians. */
export function series(target: string, repeats: readonly Reading[], setting?: Series['setting']): Series {
  const names = new Set(repeats.flatMap((reading) => Object.keys(reading)));
  const medians: Record<string, number> = {};
  for (const name of names) medians[name] = median(repeats.map((reading) => reading[name] ?? Number.NaN));
  return { target, ...(setting === undefined ? {} : { setting }), repeats, median: medians };
}

/** A verdict for "at least". A missing side is NaN, which never passes. */
export function atLeast(target: string, claim: string, reached: number, bound: number): Verdict {
  return { target, claim, reached, direction: 'at least', bound, met: reached >= bound };
}

/** A verdict for "at most". */
export function atMost(target: string, claim: string, reached: number, bound: number): Verdict {
  return { target, claim, reached, direction: 'at most', bound, met: reached <= bound };
}

/** Results of one run, with commit, machine and date. */
export type Report = {
  readonly date: string;
  readonly commit: string;
  /** Whether the server or its measurements differed from the commit. */
  readonly dirty: boolean;
  readonly machine: ReturnType<typeof describeMachine>;
  readonly peers: Readonly<Record<string, string>>;
  readonly ended: string;
  readonly results: readonly ScenarioResult[];
};

/** Writes a report and returns the file's path. */
export function writeResults(
  folder: string,
  root: string,
  results: readonly ScenarioResult[],
  ended: string,
  name = results.length === 1 ? results[0]!.scenario : 'all',
): string {
  mkdirSync(folder, { recursive: true });
  const date = new Date().toISOString();
  const path = join(folder, `${date.slice(0, 19).replaceAll(':', '')}-${name.replaceAll(/[^a-z-]/g, '')}.json`);
  const machine = describeMachine();
  const report: Report = { date, ...describeCommit(root), machine, peers: peerVersions(), ended, results };
  writeFileSync(path, `${JSON.stringify(report, rounded, 2)}\n`);
  return path;
}

// Five digits are enough for any measurement.
function rounded(_key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : null;
}
