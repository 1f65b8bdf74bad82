import { setTimeout as delay } from 'node:timers/promises';
import { isRefusal } from './nats-faults.ts';
import type { NatsLink } from './nats-link.ts';

const patienceMs = 10_000;
const pauseMs = 100;

/**
 * Creates a stream. Rejects with JetStream's refusal. In a cluster that has just started, or that a server has just
 * rejoined, servers may consider each other offline for some seconds and refuse to place streams.
 */
export async function createStream(link: NatsLink, name: string, config: unknown): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      await link.api(`STREAM.CREATE.${name}`, config);
      return;
    } catch (error) {
      if (!isPeerOffline(error) || performance.now() > deadline) throw error;
    }
    await delay(pauseMs);
  }
}

/** Whether the cluster has enough servers, some of which seem to be offline. */
function isPeerOffline(error: unknown): boolean {
  return isRefusal(error, 'noPeers') && (error as Error).message.includes('offline');
}
