import { setTimeout as delay } from 'node:timers/promises';
import { canMount, SmallDisk } from '../faults/support/mount.ts';
import { NatsCluster } from '../nats/nats-cluster.ts';
import { NatsNetwork } from '../nats/nats-network.ts';
import type { NatsServer } from '../nats/nats-server.ts';
import { Outsider } from '../nats/outsider.ts';
import { type Fault, freezeOne, killMost, killOne, restartAll } from './faults.ts';
import { Member } from './member.ts';
import type { ChaosStore } from './stores.ts';

const prefix = 'chaos';
const leastCutMs = 2_000;
const mostCutMs = 12_000;
const leastFullMs = 2_000;
const mostFullMs = 10_000;
const diskMebibytes = 2_048;

/** A cluster of three nats-servers. If all faults are enabled and permitted, each server has its own network and disk. */
export async function startNatsStore({ all }: { readonly all: boolean }): Promise<ChaosStore> {
  await using closing = new AsyncDisposableStack();
  const network = all && NatsNetwork.isPossible ? closing.use(NatsNetwork.lay(3)) : undefined;
  const disks = all && canMount ? [1, 2, 3].map(() => closing.use(new SmallDisk(diskMebibytes))) : [];
  const cluster = closing.use(await NatsCluster.start({ size: 3, places: network?.machines ?? [], folders: disks }));
  const { servers } = cluster;
  const members = servers.map((server) => new Member(server.name, restartable(server)));
  const others = [
    freezeOne('nats-server frozen', members),
    restartAll('nats-servers restarted in turn', members),
    killMost('two of three nats-servers killed', members),
    meddling('consumers deleted from outside', cluster, (outsider, log) => outsider.deleteConsumers(log)),
    meddling('log purged from outside', cluster, (outsider, log) => outsider.purge(log), true),
    meddling('log deleted from outside', cluster, (outsider, log) => outsider.deleteStream(log), true),
  ];
  if (network !== undefined) others.push(cutOff(network, members, servers));
  if (disks.length > 0) others.push(fillDisk(disks, members));
  const moved = closing.move();
  return {
    url: cluster.url(prefix),
    members,
    kills: [killOne('nats-server killed', members, 2)],
    others,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

function restartable(server: NatsServer) {
  return {
    stop: (signal: NodeJS.Signals) => server.stop(signal),
    run: () => server.spawn(),
    freeze: () => server.freeze(),
    untilReady: () => server.untilHealthy(),
  };
}

/** Uses Pokewire's own credentials to change data like another program. */
function meddling(
  name: string,
  cluster: NatsCluster,
  meddle: (outsider: Outsider, log: string) => Promise<unknown>,
  endsLog = false,
): Fault {
  const inflict = async () => {
    await using outsider = await Outsider.connect(cluster.servers);
    await outsider.changeLog(prefix, (log) => meddle(outsider, log));
  };
  return { name, weight: 1, endsLog, inflict };
}

/** Cuts one server off from the others and from all clients for a while. */
function cutOff(network: NatsNetwork, members: readonly Member[], servers: readonly NatsServer[]): Fault {
  return {
    name: 'nats-server cut off',
    weight: 1,
    inflict: async (random) => {
      const at = random.below(servers.length);
      await members[at]!.suffer('cut off', async () => {
        network.pull(at);
        await delay(leastCutMs + random.below(mostCutMs - leastCutMs));
        network.mend(at);
      });
    },
  };
}

/**
 * For a while one server has no space on its disk. A server that could not write stops its JetStream, so it is
 * restarted afterwards.
 */
function fillDisk(disks: readonly SmallDisk[], members: readonly Member[]): Fault {
  return {
    name: 'disk of a nats-server full',
    weight: 1,
    inflict: async (random) => {
      const at = random.below(disks.length);
      const member = members[at]!;
      await member.suffer('disk full', async () => {
        const full = disks[at]!.fill();
        await delay(leastFullMs + random.below(mostFullMs - leastFullMs));
        full[Symbol.dispose]();
        await member.end('SIGTERM');
        await member.revive();
      });
    },
  };
}
