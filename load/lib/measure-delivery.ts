import { Reader } from './reader.ts';
import type { Reading } from './results.ts';
import type { RunningTarget, Target } from './target.ts';

export type DeliverySettings = { readonly perSecond: number; readonly warmUpMs: number; readonly measureMs: number };

/** Latency from an append on one node to its poke on another, with one writer and one subscriber. */
export async function measureDelivery(
  target: Target,
  settings: DeliverySettings,
  append: RunningTarget,
  subscribe: RunningTarget,
): Promise<Reading> {
  const { perSecond, warmUpMs, measureMs } = settings;
  const reader = new Reader({ append: [append], subscribe: [subscribe] }, target);
  try {
    await reader.connect(1);
    await reader.publish({ connections: 1, perSecond: 0, durationMs: warmUpMs });
    const { latencyMs, ackMs } = await reader.publish({ connections: 1, perSecond, durationMs: measureMs });
    return { p50Ms: latencyMs.p50, p99Ms: latencyMs.p99, ackP50Ms: ackMs.p50, ackP99Ms: ackMs.p99 };
  } finally {
    reader.stop();
  }
}

/** The same measurement with the subscriber on a second node over the first node's store. */
export async function measureOtherNode(
  target: Target,
  settings: DeliverySettings,
  first: RunningTarget,
): Promise<Reading> {
  const second = await target.start();
  try {
    return await measureDelivery(target, settings, first, second);
  } finally {
    await second.stop();
  }
}
