import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ScenarioResult } from './results.ts';
import type { Context, Scenario } from './scenario.ts';
import { median } from './statistics.ts';

const usualRepeats = 5;

/** Checks a commit out next to this work tree, passes its folder to `use`, and removes it. */
export async function withCommit<T>(root: string, ref: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(mkdtempSync(join(tmpdir(), 'pokewire-compare-')), 'tree');
  const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { stdio: 'ignore' });
  git('worktree', 'add', '--detach', folder, ref);
  try {
    const sameLock =
      execFileSync('git', ['-C', root, 'diff', '--name-only', ref, '--', 'package-lock.json']).length === 0;
    if (sameLock) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    else execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' });
    return await use(folder);
  } finally {
    git('worktree', 'remove', '--force', folder);
    rmSync(join(folder, '..'), { recursive: true, force: true });
  }
}

/** Runs a scenario without peers on both trees alternately (A B A B), and reports how each number compares. */
export async function compare(
  name: string,
  scenario: Scenario,
  context: Context,
  other: string,
): Promise<ScenarioResult[]> {
  const results: { here: ScenarioResult[]; there: ScenarioResult[] } = { here: [], there: [] };
  const run = (root: string) => scenario({ ...context, root, repeats: 1, peers: [], say: () => {} });
  for (let repeat = 0; repeat < (context.repeats ?? usualRepeats); repeat++) {
    results.there.push(await run(other));
    results.here.push(await run(context.root));
    context.say(`${name}: repeat ${repeat + 1}`);
  }
  const there = medians(results.there);
  context.say(`${'number'.padEnd(60)} ${'there'.padStart(12)} ${'here'.padStart(12)} here/there`);
  for (const [label, here] of medians(results.here)) {
    const before = there.get(label) ?? Number.NaN;
    const cells = [before, here].map((value) => value.toPrecision(5).padStart(12)).join(' ');
    context.say(`${label.padEnd(60)} ${cells} ${(here / before).toFixed(3).padStart(10)}`);
  }
  // Bounds compare with peers, which do not run here.
  return [
    ...results.there.map((result) => ({ ...result, scenario: `${name} (there)`, verdicts: [] })),
    ...results.here.map((result) => ({ ...result, scenario: `${name} (here)`, verdicts: [] })),
  ];
}

function medians(results: readonly ScenarioResult[]): Map<string, number> {
  const values = new Map<string, number[]>();
  for (const { series } of results) {
    for (const { target, setting, median: reading } of series) {
      const set = setting === undefined ? '' : ` ${Object.values(setting).join('/')}`;
      for (const [metric, value] of Object.entries(reading)) {
        const label = `${target}${set} ${metric}`;
        values.set(label, [...(values.get(label) ?? []), value]);
      }
    }
  }
  return new Map([...values].map(([label, all]) => [label, median(all)]));
}
