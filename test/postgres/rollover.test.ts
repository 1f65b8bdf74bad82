import { expect, test } from 'vitest';
import type { Wish } from '../../load/soak/wishes.ts';
import { haproxyNodes } from '../proxies/documented.ts';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { kinds, ownStreams, sharedStreams } from './nodes/kinds.ts';
import type { NodeProcess } from './nodes/node-process.ts';
import { NodesUnderLoad, startNodes } from './nodes/nodes-under-load.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const subscribers = 1_000;
const streams = [...ownStreams, ...sharedStreams];
const others = kinds.filter(({ stalls }) => !stalls);

/** Mostly of single streams, so that a few appends a second are something for each. */
const wishes: Wish[] = Array.from({ length: subscribers }, (_value, n) => {
  const stream = streams[n % streams.length]!;
  const one = { ...kinds[0]!, name: `stream ${stream}` };
  return n % 20 === 0
    ? others[(n / 20) % others.length]!
    : { ...one, selection: { ...one.selection, streams: [stream] } };
});

test.skipIf(!hasPostgres || !isInstalled('haproxy'))(
  'While one of three nodes is killed, stopped and all are replaced, 1,000 subscribers resume by their cursor (needs haproxy).',
  async () => {
    await using cluster = await PostgresCluster.start();
    const database = await cluster.create();
    await using nodes = await startNodes(3, cluster.url(database), ['--drain-ms=1000']);
    const [first, second, third] = [nodes[0]!, nodes[1]!, nodes[2]!];
    await using proxy = await RealProxy.start('haproxy', haproxyNodes([first.url, second.url, third.url]));
    await using load = await NodesUnderLoad.start({ nodes, port: () => proxy.port, wishes, pauseMs: 100 });
    const subscriptions = async (some: readonly NodeProcess[] = nodes) => {
      const counts = await Promise.all(some.map((node) => node.metric('pokewire_subscriptions')));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const untilBack = async (some: readonly NodeProcess[] = nodes) => {
      await expect.poll(() => subscriptions(some), { timeout: 60_000, interval: 500 }).toBe(subscribers);
      await load.untilWritten(50);
    };
    await untilBack();

    await first.stop('SIGKILL');
    await untilBack([second, third]);
    await first.run();

    second.signal('SIGSTOP');
    await untilBack([first, third]);
    second.signal('SIGCONT');
    await second.untilReady();

    for (const node of nodes) {
      await node.stop('SIGTERM');
      await node.run();
    }
    await untilBack();
    await load.expectNothingAmiss(cluster, database);
    expect(load.resumed).toBeGreaterThan(subscribers);
  },
);
