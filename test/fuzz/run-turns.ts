/** `npm run turns`: the longest turn of the event loop for each request of the corpus; writes a file to `load/results/turns`. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { measureSlowTurns } from './slow-turns.ts';

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
const rounded = (value: number) => Math.round(value * 10) / 10;

const boundMs = 20;
/** A turn shorter than this is not measured again. Others are, because the minimum of several measurements counts. */
const enoughMs = boundMs / 2;
const loadAverage = rounded(loadavg()[0]!);
const { calibrationMs, turns } = await measureSlowTurns({ repeats: 5, enoughMs: () => enoughMs, asksHistogram: true });
const longestFirst = turns.toSorted((a, b) => b.cpuMs - a.cpuMs);
const report = {
  date: new Date().toISOString(),
  commit: git('rev-parse', 'HEAD'),
  dirty: git('status', '--porcelain', 'src', 'test') !== '',
  machine: { cpu: cpus()[0]!.model, cores: availableParallelism(), node: process.version, loadAverage },
  boundMs,
  calibrationMs: rounded(calibrationMs),
  // By CPU time. The server's histogram also counts time used by other programs.
  above: longestFirst.filter(({ cpuMs }) => cpuMs > boundMs).map(({ title }) => title),
  delayedMore: longestFirst.filter(({ delayMs }) => delayMs > boundMs).map(({ title }) => title),
  turns: longestFirst.map(({ title, status, cpuMs, wallMs, delayMs }) => ({
    title,
    status,
    cpuMs: rounded(cpuMs),
    wallMs: rounded(wallMs),
    delayMs: rounded(delayMs),
  })),
};
const folder = new URL('../../load/results/turns/', import.meta.url);
mkdirSync(folder, { recursive: true });
const file = new URL(`${report.date.slice(0, 16).replaceAll(':', '')}.json`, folder);
writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
console.table(report.turns.slice(0, 20));
console.log(
  `${report.above.length} of ${turns.length} above ${boundMs} ms, ${report.delayedMore.length} by the server’s histogram; written to ${file.pathname}`,
);
