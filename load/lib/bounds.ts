import { short } from './number-text.ts';
import type { ScenarioResult, Verdict } from './results.ts';
import type { Context } from './scenario.ts';

/** Targets in the order of the bounds table. */
const targets = ['3a', '3c', '1a', '2a', '1d', '4a', '5b', '5a', '7a', '8a'];

/** The scenarios with bounds, with only the peers and repeats they need: name, peers, repeats. */
const parts: readonly (readonly [scenario: string, peers: readonly string[], repeats?: number])[] = [
  ['latency', ['node-net'], 4],
  ['fan-out', ['nchan'], 3],
  ['concurrent-publishers', ['nchan'], 3],
  ['few-subscribers', ['node-net', 'nchan'], 3],
  ['encoding', [], 1],
  ['connection-storm', ['node-net'], 3],
  ['idle-memory', []],
  ['catch-up', [], 1],
  ['append', ['fastify-empty-post'], 3],
];

/** The scenarios with bounds. */
export const boundScenarios: readonly string[] = parts.map(([scenario]) => scenario);

/** Context of a scenario that is run only for its bounds; the command line takes precedence. */
export function boundContext(context: Context, scenario: string): Context {
  const [, peers, repeats] = parts.find(([name]) => name === scenario)!;
  return { ...context, peers: context.peers ?? peers, repeats: context.repeats ?? repeats };
}

/** Verdicts of the bounds table, in order. */
export function boundVerdicts(results: readonly ScenarioResult[]): Verdict[] {
  const verdicts = results.flatMap((result) => result.verdicts);
  return targets.flatMap((id) => verdicts.filter(({ target }) => target === id));
}

/** Rows of the table: what, bound, measured, ok. */
export function boundsRows(results: readonly ScenarioResult[]): string[][] {
  return boundVerdicts(results).map(({ claim, direction, bound, reached, met }) => [
    claim,
    `${direction === 'at least' ? '≥' : '≤'} ${short(bound)}`,
    short(reached),
    met ? 'yes' : 'NO',
  ]);
}

/** The table for a terminal. */
export function boundsTable(results: readonly ScenarioResult[]): string {
  const rows = [['what', 'bound', 'measured', 'ok'], ...boundsRows(results)];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')).join('\n');
}
