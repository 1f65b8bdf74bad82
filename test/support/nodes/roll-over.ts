import { expect } from 'vitest';
import type { Wish } from '../../../load/soak/wishes.ts';
import { haproxyNodes, nginxNodes } from '../../proxies/documented.ts';
import { RealProxy } from '../real-proxy.ts';
import { kinds, ownStreams, sharedStreams } from './kinds.ts';
import type { Row } from './ledger.ts';
import type { NodeProcess } from './node-process.ts';
import { NodesUnderLoad, startNodes } from './nodes-under-load.ts';

const subscribers = 1_000;
const streams = [...ownStreams, ...sharedStreams];
const others = kinds.filter(({ stalls }) => !stalls);

/** Mostly single streams, so that a few appends per second matter for each. */
const wishes: Wish[] = Array.from({ length: subscribers }, (_value, n) => {
  const stream = streams[n % streams.length]!;
  const one = { ...kinds[0]!, name: `stream ${stream}` };
  return n % 20 === 0
    ? others[(n / 20) % others.length]!
    : { ...one, selection: { ...one.selection, streams: [stream] } };
});

const proxies = { haproxy: haproxyNodes, nginx: nginxNodes };

/**
 * Kills one of three nodes behind a proxy, freezes another, and replaces all, under 1,000 subscribers and some writers.
 * Fails unless every subscriber received the log with each message once. `readRows` reads the log, from a node or
 * directly.
 */
export async function rollOver(
  store: string,
  readRows: (url: string) => Promise<Row[]>,
  kind: keyof typeof proxies = 'haproxy',
): Promise<void> {
  await using nodes = await startNodes(3, store, ['--drain-ms=1000']);
  const [first, second, third] = [nodes[0]!, nodes[1]!, nodes[2]!];
  await using proxy = await RealProxy.start(kind, proxies[kind]([first.url, second.url, third.url]));
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
  await load.expectNothingAmiss(() => readRows(first.url));
  expect(load.resumed).toBeGreaterThan(subscribers);
}
