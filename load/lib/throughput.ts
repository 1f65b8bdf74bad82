import { Bench } from './bench.ts';
import { HeapMeter } from './heap-meter.ts';
import type { Reading } from './results.ts';
import type { Target } from './target.ts';

export type ThroughputSettings = {
  readonly publishers: number;
  readonly subscribers: number;
  /** Warm-up for code that runs in Node; compiled servers need little. */
  readonly warmUpMs: number;
  readonly measureMs: number;
};

const compiledWarmUpMs = 200;

/** Deliveries per second, from the first append until the last subscriber has the last frame. Throws if anything is missing. */
export function measureThroughput(target: Target, settings: ThroughputSettings): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { publishers, subscribers, warmUpMs, measureMs } = settings;
    const { reader } = bench;
    await reader.connect(subscribers);
    const publish = (durationMs: number) => reader.publish({ connections: publishers, perSecond: 0, durationMs });
    await publish(target.compiled ? Math.min(compiledWarmUpMs, warmUpMs) : warmUpMs);
    const heap = target.hasMetrics ? await HeapMeter.start(bench) : undefined;
    const meter = bench.meter(reader.pid);
    const { published, deliveries, seconds, latencyMs, ackMs, busyShare } = await publish(measureMs);
    const { serverCpuSeconds, serverShare, strangerShare } = meter.read();
    const allocation = await heap?.read();
    return {
      deliveriesPerSecond: deliveries / seconds,
      cpuUsPerDelivery: (serverCpuSeconds / deliveries) * 1_000_000,
      ...(allocation && {
        allocatedBytesPerDelivery: allocation.allocatedBytes / deliveries,
        allocatedBytesPerAppend: allocation.allocatedBytes / published,
        collectionsPerThousandAppends: (allocation.collections / published) * 1_000,
        collectionUsPerAppend: (allocation.collectionMs / published) * 1_000,
      }),
      appendsPerSecond: published / seconds,
      latencyP50Ms: latencyMs.p50,
      latencyP99Ms: latencyMs.p99,
      ackP50Ms: ackMs.p50,
      ackP99Ms: ackMs.p99,
      serverShare,
      loadShare: busyShare,
      strangerShare,
    };
  });
}
