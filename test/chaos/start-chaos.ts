import { NodeProcess } from '../support/nodes/node-process.ts';
import { Chaos } from './chaos.ts';
import { freezeOne, killOne, restartAll } from './faults.ts';
import { Member } from './member.ts';
import type { StartStore } from './stores.ts';

export type StartOptions = {
  readonly start: StartStore;
  /** Whether all faults are enabled, or only kills. */
  readonly all: boolean;
  readonly subscribers: number;
  readonly durationMs: number;
  readonly seed: number;
  /** Mean time from the end of a fault to the next one. */
  readonly calmMs?: number;
};

const nodeCount = 3;
const writers = 8;

/** A store, three nodes over it, and the faults. Close it by `await using`. */
export type StartedChaos = AsyncDisposable & {
  readonly chaos: Chaos;
  /** Ports of the members that are nodes. */
  readonly nodePorts: ReadonlyMap<string, number>;
};

export async function startChaos(options: StartOptions): Promise<StartedChaos> {
  const { start, all, subscribers, durationMs, seed, calmMs = 1_500 } = options;
  await using closing = new AsyncDisposableStack();
  const store = closing.use(await start({ all }));
  const flags = ['--heartbeat-ms=500', '--drain-ms=500', '--retry-min-ms=100', '--retry-max-ms=500'];
  const nodes: NodeProcess[] = [];
  for (let n = 0; n < nodeCount; n++) nodes.push(closing.use(await NodeProcess.start({ store: store.url, flags })));
  const members = nodes.map((node, n) => new Member(`node-${n + 1}`, node));
  const faults = [killOne('node killed', members), ...store.kills];
  if (all) {
    faults.push(freezeOne('node frozen', members), restartAll('nodes replaced in turn', members), ...store.others);
  }
  const chaos = new Chaos({
    nodes,
    faults,
    members: [...store.members, ...members],
    subscribers,
    writers,
    durationMs,
    calmMs,
    seed,
  });
  const nodePorts = new Map(members.map(({ name }, n) => [name, nodes[n]!.port]));
  const moved = closing.move();
  return { chaos, nodePorts, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}
