import { setTimeout as delay } from 'node:timers/promises';
import { isRefusal } from './nats-faults.ts';
import type { NatsLink } from './nats-link.ts';

const patienceMs = 10_000;
const pauseMs = 100;

/**
 * Creates a stream. Rejects with JetStream's refusal. The servers of a cluster that has just started, or got one of them back,
 * may take each other for offline for some seconds, and place nothing meanwhile.
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

/** Whether enough servers belong to the cluster, of which some seem to be offline. */
function isPeerOffline(error: unknown): boolean {
  return isRefusal(error, 'noPeers') && (error as Error).message.includes('offline');
}
