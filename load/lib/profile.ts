import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

type Node = { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; hitCount?: number };
type Profile = { nodes: Node[]; samples: number[]; timeDeltas: number[] };

const topEntries = 25;
const socketWrites = new Set(['writeBuffer', 'writeUtf8String', 'writeLatin1String']);

/** Prints where each profiled process spent its time, by function, most expensive first. */
export function printProfiles(folder: string): void {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const selfUs = new Map<string, number>();
    let total = 0;
    let serving = false;
    for (const [at, id] of samples.entries()) {
      const { functionName, url, lineNumber } = byId.get(id)!.callFrame;
      // Ignores the start, which ends with the first write to a socket.
      serving ||= socketWrites.has(functionName);
      if (!serving || functionName === '(idle)') continue;
      const label = `${functionName || '(anonymous)'}  ${url === '' ? '' : `${basename(url)}:${lineNumber + 1}`}`;
      selfUs.set(label, (selfUs.get(label) ?? 0) + timeDeltas[at]!);
      total += timeDeltas[at]!;
    }
    console.log(`\n${join(folder, file)}: ${(total / 1_000_000).toFixed(2)} s busy`);
    const sorted = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, topEntries);
    for (const [label, us] of sorted) console.log(`${((us / total) * 100).toFixed(1).padStart(6)} %  ${label}`);
  }
}
