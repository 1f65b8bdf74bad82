import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Report, ScenarioResult } from './results.ts';

/** A scenario's result with the report it stands in. */
export type Found = { readonly result: ScenarioResult; readonly report: Report };

/** What ends the names of files that have nothing but the bounds, with fewer peers and repeats than a whole run. */
const boundsEnd = '-bounds.json';
const wholeEnd = '-all.json';

/** The newest report that has all the bounds: of the bounds alone, or of a whole run, not of a comparison. Undefined: there is none. */
export function newestBounds(folder: string): Report | undefined {
  const names = readdirSync(folder).filter((name) => name.endsWith(boundsEnd) || name.endsWith(wholeEnd));
  return names
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report)
    .findLast(({ results }) => !results.some(isComparison));
}

/** The newest result of each scenario in these files. Those of comparisons and of the bounds alone are left out. */
export function newestResults(folder: string): Map<string, Found> {
  const newest = new Map<string, Found>();
  const files = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.endsWith(boundsEnd));
  // Their names begin with their dates.
  for (const file of files.sort()) {
    const report = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Report;
    for (const result of report.results) {
      if (!isComparison(result)) newest.set(result.scenario, { result, report });
    }
  }
  return newest;
}

/** When, of what and where it was measured. */
export function placeOf({ machine, commit, dirty, date }: Report): string {
  const day = new Date(date).toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
  const { cpu, cores, node, pinned } = machine;
  return (
    `${cpu}, ${cores} cores${pinned ? ', pinned' : ''}; Node ${node.replace(/^v/, '')}; ` +
    `commit ${commit.slice(0, 12)}${dirty ? ' with changes' : ''}; ${day}`
  );
}

/** Of one of two work trees, which stands behind the name of the scenario. */
function isComparison({ scenario }: ScenarioResult): boolean {
  return scenario.includes('(');
}
