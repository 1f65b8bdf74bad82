import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinned, serverCore } from '../lib/machine.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import type { Cost } from '../micro/bench.ts';

/** The micro benchmark of the frame encoder, in a process of its own. */
export async function encoding(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [{ name: 'pokewire' }], 3, async () => readingOf(runMicro(context.root)));
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'encoding',
    settings: { streams: 1_000 },
    series,
    missing: [],
    verdicts: [
      atMost('4a', 'ns per poke', ours('cachedNs'), 60),
      atMost('4a', 'bytes of heap per poke', ours('cachedHeapBytes'), 1),
      atLeast('4b', 'times as fast as unpooled', ours('plainNs') / ours('cachedNs'), 4),
    ],
  };
}

function runMicro(root: string): Record<string, Cost> {
  const args = [join(root, 'load/micro/run.ts'), '--json', 'encode'];
  const [command, all] = pinned(serverCore, process.execPath, args);
  const lines = execFileSync(command, all, { encoding: 'utf8' }).trim().split('\n');
  return JSON.parse(lines.at(-1)!) as Record<string, Cost>;
}

function readingOf(costs: Record<string, Cost>): Reading {
  const cached = costs['encode, cached']!;
  const plain = costs['encode, plain']!;
  return {
    cachedNs: cached.nsPerOp,
    cachedHeapBytes: cached.heapBytesPerOp,
    plainNs: plain.nsPerOp,
    plainHeapBytes: plain.heapBytesPerOp,
  };
}
