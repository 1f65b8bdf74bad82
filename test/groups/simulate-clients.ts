import { ClientWorker } from './client-worker.ts';
import { type SimReport, type Simulation, simulate } from './simulate.ts';
import { virtualGlobals } from './virtual-process.ts';

/** Handlers fail often, because most of a member's rules are about held streams. */
const healthyShare = 0.8;

/** Like {@link simulate}, with members of `pokewire/client` as workers. */
export async function simulateClients(simulation: Simulation): Promise<SimReport> {
  using _virtual = virtualGlobals();
  return await simulate({
    healthyShare,
    newWorker: (world, name) => new ClientWorker(world, name),
    ...simulation,
  });
}
