import { afterAll, beforeAll } from 'vitest';
import { NatsCluster } from './nats-cluster.ts';
import { Outsider } from './outsider.ts';

/** Starts a nats-server for all tests of a `describe`, with a client that changes its data like another program. */
export function ownServer(): { cluster: NatsCluster; outsider: Outsider } {
  const own = {} as { cluster: NatsCluster; outsider: Outsider };
  beforeAll(async () => {
    own.cluster = await NatsCluster.start();
    own.outsider = await Outsider.connect(own.cluster.servers);
  });
  afterAll(async () => {
    await own.outsider?.[Symbol.asyncDispose]();
    await own.cluster?.[Symbol.asyncDispose]();
  });
  return own;
}
