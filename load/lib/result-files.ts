import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report, ScenarioResult } from './results.ts';

/** A scenario's result and its report. */
export type Found = { readonly result: ScenarioResult; readonly report: Report };

/** End of the names of files with bounds only, from fewer peers and repeats than a full run. */
const boundsEnd = '-bounds.json';
const wholeEnd = '-all.json';

/** The newest report that contains all bounds, from a bounds-only or full run, not from a comparison. Undefined: there is none. */
export function newestBounds(folder: string): Report | undefined {
  const names = readdirSync(folder).filter((name) => name.endsWith(boundsEnd) || name.endsWith(wholeEnd));
  return names
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report)
    .findLast(({ results }) => !results.some(isComparison));
}

/** The newest result of each scenario. Ignores comparisons and bounds-only runs. */
export function newestResults(folder: string): Map<string, Found> {
  const newest = new Map<string, Found>();
  const files = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.endsWith(boundsEnd));
  // File names start with the date.
  for (const file of files.sort()) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Report;
    for (const result of report.results) {
      if (!isComparison(result)) newest.set(result.scenario, { result, report });
    }
  }
  return newest;
}

/** When, on what commit and where it was measured. */
export function placeOf({ machine, commit, dirty, date }: Report): string {
  const day = new Date(date).toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
  const { cpu, cores, node, pinned } = machine;
  return (
    `${cpu}, ${cores} cores${pinned ? ', pinned' : ''}; Node ${node.replace(/^v/, '')}; ` +
    `commit ${commit.slice(0, 12)}${dirty ? ' with changes' : ''}; ${day}`
  );
}

/** Whether it measures one of two work trees, named after the scenario. */
function isComparison({ scenario }: ScenarioResult): boolean {
  return scenario.includes('(');
}
