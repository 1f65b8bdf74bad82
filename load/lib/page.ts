import { boundsRows } from './bounds.ts';
import { short } from './number-text.ts';
import type { Found } from './result-files.ts';
import type { Report, Series, Verdict } from './results.ts';

/** A chart of a scenario, by its path from `docs/`. */
export type Picture = { readonly scenario: string; readonly file: string; readonly alt: string };

const introduction = `# Benchmarks

Written by \`npm run load:charts\` from the newest result of each scenario in \`load/results/\`; not to be edited by hand.
What the scenarios do: [load/README.md](../load/README.md).

## Method

The server runs on one core, the load on the other, each pinned. A reader in C holds all subscribers and writers in one thread
that never sleeps while it measures, so the server is the limit and is not charged for waking it. Latency is that of each
delivery, from the send of its append to the read by that subscriber: the time to the last of 1,000 subscribers mostly tells
how long 1,000 writes take. Servers are warm, and measured in turn within one run; ratios and medians are of one run. Absolute
numbers wander with the machine; compare rows, not runs.
`;

/** The page of all results. */
export function benchmarksPage(
  results: ReadonlyMap<string, Found>,
  pictures: readonly Picture[],
  bounds: Report | undefined,
): string {
  const found = [...results.values()];
  return [
    introduction,
    ...(bounds === undefined ? [] : [boundsSection(bounds)]),
    '## Targets\n',
    targetsTable(found.flatMap(({ result }) => result.verdicts)),
    ...found.map((one) =>
      section(
        one,
        pictures.filter(({ scenario }) => scenario === one.result.scenario),
      ),
    ),
  ].join('\n');
}

function boundsSection(report: Report): string {
  return [
    '## Bounds\n',
    `\`npm run load -- bounds\` repeats them; here from ${placeOf(report)}\n`,
    table(['what', 'bound', 'measured', 'ok'], boundsRows(report.results)),
  ].join('\n');
}

/** When, of what and where. */
function placeOf({ machine, commit, dirty, date }: Report): string {
  return (
    `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit.slice(0, 12)}${dirty ? ' with changes' : ''}, ` +
    `Node ${machine.node}, ${machine.cpu}, ${machine.cores} cores${machine.pinned ? ', pinned' : ''}.`
  );
}

function targetsTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts
    .toSorted((a, b) => a.target.localeCompare(b.target, 'en', { numeric: true }))
    .map(({ target, claim, reached, bound, met }) => [
      target,
      claim,
      number(reached),
      number(bound),
      met ? 'yes' : 'no',
    ]);
  return table(['target', 'what', 'reached', 'bound', 'met'], rows);
}

function section({ result, report }: Found, pictures: readonly Picture[]): string {
  const { scenario, series, missing } = result;
  const problems = series.flatMap(({ target, problems }) => (problems ?? []).map((text) => `- ${target}: ${text}`));
  return [
    `## ${scenario}\n`,
    `${placeOf(report)}\n`,
    ...pictures.map(({ file, alt }) => `![${alt}](${file})\n`),
    seriesTable(series),
    ...missing.map(({ peer, why }) => `${peer} is missing: ${why}.\n`),
    ...(problems.length === 0 ? [] : [`Failed repeats:\n\n${problems.join('\n')}\n`]),
  ].join('\n');
}

function seriesTable(series: readonly Series[]): string {
  const settings = [...new Set(series.flatMap(({ setting }) => Object.keys(setting ?? {})))];
  const metrics = [...new Set(series.flatMap(({ median }) => Object.keys(median)))];
  const rows = series.map(({ target, setting, repeats, median }) => [
    target,
    ...settings.map((name) => String(setting?.[name] ?? '')),
    ...metrics.map((name) => number(median[name])),
    String(repeats.length),
  ]);
  // Many numbers of few servers are read more easily down than across.
  const header = ['server', ...settings, ...metrics.map(inWords), 'repeats'];
  return rows.length <= 2 ? table(['', ...rows.map(([name]) => name!)], turned(header, rows)) : table(header, rows);
}

function turned(header: readonly string[], rows: readonly string[][]): string[][] {
  return header.slice(1).map((name, at) => [name, ...rows.map((row) => row[at + 1]!)]);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), `|${header.map(() => '---|').join('')}`, ...rows.map(line), ''].join('\n');
}

// JSON has no NaN: what was not measured is null there.
function number(value: number | null | undefined, digits = 3): string {
  return value === undefined || value === null || Number.isNaN(value) ? '–' : short(value, digits);
}

// `cpuUsPerDelivery` → `cpu µs per delivery`.
function inWords(name: string): string {
  const words = name.replace(/[A-Z]+|\d+/g, (part) => ` ${part.toLowerCase()}`);
  return words
    .replace(' us', ' µs')
    .replace(' mib', ' MiB')
    .replace('kib', 'KiB')
    .replace(/ (p\d|c)$/, '$1');
}
