import { boundsRows } from './bounds.ts';
import { duration, short } from './number-text.ts';
import { type Found, placeOf } from './result-files.ts';
import type { Report, Series, Verdict } from './results.ts';
import { shownAs } from './servers.ts';

/** A chart of a scenario, by its path relative to `docs/`. */
export type Picture = { readonly scenario: string; readonly file: string; readonly alt: string };

const introduction = `# Benchmarks

\`npm run load:charts\` writes this page from the newest result of each scenario in \`load/results/\`; do not edit it by hand.
[load/README.md](../load/README.md) describes the scenarios.

## Method

The server is pinned to one core, the load to the other. A reader in C runs all subscribers and writers in one thread
that never sleeps while it measures, so the server is the bottleneck and does not pay for waking the reader. Latency is measured for each
delivery, from the send of its append to the read by that subscriber, because the time until the last of 1,000 subscribers has a poke mostly
reflects how long 1,000 writes take. Servers are warmed up, and alternate within one run; medians and ratios come from one run. Absolute
numbers vary with the machine: compare servers within a table, not tables.

| server | |
|---|---|
| C, bare epoll loop | the minimum for any server: one \`send\` for each poke and subscriber, without HTTP library or store |
| Node, bare node:net | the same in Node. *Batched*: one write for all pokes of an iteration of the event loop |
| Nagle | without \`TCP_NODELAY\`, as nginx runs nchan: the kernel may delay a small write until the previous one is acknowledged |
| Fastify, reply.raw.write | the straightforward implementation: \`JSON.stringify\` and a write for each poke and subscriber |
`;

/** The page with all results. */
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
    `\`npm run load -- bounds\` repeats them; measured on ${placeOf(report)}.\n`,
    table(['what', 'bound', 'measured', 'ok'], boundsRows(report.results)),
  ].join('\n');
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
  const problems = series.flatMap(({ target, problems }) =>
    (problems ?? []).map((text) => `- ${shownAs(target).label}: ${text}`),
  );
  return [
    `## ${scenario}\n`,
    `${placeOf(report)}.\n`,
    ...pictures.map(({ file, alt }) => `![${alt}](${file})\n`),
    seriesTable(series),
    ...missing.map(({ peer, why }) => `${shownAs(peer).label} is missing: ${why}.\n`),
    ...(problems.length === 0 ? [] : [`Failed repeats:\n\n${problems.join('\n')}\n`]),
  ].join('\n');
}

function seriesTable(series: readonly Series[]): string {
  const settings = [...new Set(series.flatMap(({ setting }) => Object.keys(setting ?? {})))];
  const metrics = [...new Set(series.flatMap(({ median }) => Object.keys(median)))];
  const rows = series.map(({ target, setting, repeats, median }) => [
    shownAs(target).label,
    ...settings.map((name) => String(setting?.[name] ?? '')),
    ...metrics.map((name) => cell(name, median[name])),
    String(repeats.length),
  ]);
  const header = ['server', ...settings.map(inWords), ...metrics.map(inWords), 'repeats'];
  // Many metrics of few servers are easier to read as rows.
  const isTurned = header.length > 3 * rows.length;
  return isTurned ? table(['', ...rows.map(([name]) => name!)], turned(header, rows)) : table(header, rows);
}

function turned(header: readonly string[], rows: readonly string[][]): string[][] {
  return header.slice(1).map((name, at) => [name, ...rows.map((row) => row[at + 1]!)]);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), `|${header.map(() => '---|').join('')}`, ...rows.map(line), ''].join('\n');
}

// JSON has no NaN, so missing values are null.
function number(value: number | null | undefined, digits = 3): string {
  return value === undefined || value === null || Number.isNaN(value) ? '–' : short(value, digits);
}

const nanoseconds = { Seconds: 1e9, Ms: 1e6, Us: 1e3, ns: 1 };
/** The time unit in a metric's name: `p50Ms`, `cpuUsPerDelivery`, `encode, 1 stream: ns`. */
const timeUnit = /(Seconds|Ms|Us)(?=[A-Z]|$)|: (ns)$/;

/** A table cell; times in a readable unit. */
function cell(name: string, value: number | null | undefined): string {
  const [, unit, plain] = timeUnit.exec(name) ?? [];
  if (unit === undefined && plain === undefined) return number(value);
  return Number.isFinite(value) ? duration(value! * nanoseconds[(unit ?? plain) as keyof typeof nanoseconds]) : '–';
}

/** `cpuUsPerDelivery` becomes `cpu per delivery`, because the cell has the unit. */
function inWords(name: string): string {
  const unitless = name.replace(timeUnit, '');
  // A name with spaces is already readable.
  if (unitless.includes(' ')) return unitless;
  const words = unitless.replace(/[A-Z]+|\d+/g, (part) => ` ${part.toLowerCase()}`);
  return words
    .replace(' mib', ' MiB')
    .replace('kib', 'KiB')
    .replace(/(^| )p (\d+)/, '$1p$2')
    .replace(/^cpu\b/, 'CPU');
}
