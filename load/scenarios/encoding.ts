import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { hurry, pinned, serverCore } from '../lib/machine.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, repeatInTurn } from '../lib/scenario.ts';
import { takeTurn } from '../lib/turn-taking.ts';
import type { Cost } from '../micro/bench.ts';

/** The micro benchmark of the frame encoder, in a separate process: cost of one poke by number of live streams. */
export async function encoding(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [{ name: 'pokewire' }], 2, async () =>
    readingOf(await runMicro(context.root)),
  );
  const measured = Object.entries(series[0]!.median);
  return {
    scenario: 'encoding',
    settings: {},
    series,
    missing: [],
    verdicts: measured
      .filter(([name]) => !name.includes('plain'))
      .map(([name, value]) => atMost('4a', name, value, name.endsWith('ns') ? 100 : 1)),
  };
}

async function runMicro(root: string): Promise<Record<string, Cost>> {
  const endTurn = await takeTurn();
  const args = [join(root, 'load/micro/run.ts'), '--json', 'encode'];
  const [command, all] = pinned(serverCore, process.execPath, args);
  const micro = spawn(command, all, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  hurry(micro.pid!);
  const lines = (await text(micro.stdout)).trim().split('\n');
  endTurn();
  return JSON.parse(lines.at(-1)!) as Record<string, Cost>;
}

function readingOf(costs: Record<string, Cost>): Reading {
  return Object.fromEntries(
    Object.entries(costs).flatMap(([name, { nsPerOp, heapBytesPerOp }]) => [
      [`${name}: ns`, nsPerOp],
      [`${name}: heap bytes`, heapBytesPerOp],
    ]),
  );
}
