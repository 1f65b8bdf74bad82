import { Bench } from './bench.ts';
import { HeapMeter } from './heap-meter.ts';
import type { Reading } from './results.ts';
import type { Target } from './target.ts';

export type ThroughputSettings = {
  readonly publishers: number;
  readonly subscribers: number;
  /** For what runs in Node; what is compiled already needs little. */
  readonly warmUpMs: number;
  readonly measureMs: number;
};

const compiledWarmUpMs = 200;
const burstPauseMs = 5;

/** Deliveries from the first request until the last subscriber has the last frame. Throws when anything is missing. */
export function measureThroughput(target: Target, settings: ThroughputSettings): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { publishers, subscribers, warmUpMs, measureMs } = settings;
    await bench.subscribe(subscribers);
    await bench.subscribers.readInBursts(burstPauseMs);
    let frames = 0;
    const publishAndAwait = async (durationMs: number) => {
      const report = await bench.publish({ connections: publishers, durationMs });
      frames += report.published;
      const { completedAtUs } = await bench.awaitAll(frames);
      return { ...report, completedAtUs };
    };
    await publishAndAwait(target.compiled ? Math.min(compiledWarmUpMs, warmUpMs) : warmUpMs);
    const heap = target.hasMetrics ? await HeapMeter.start(bench) : undefined;
    const meter = bench.meter();
    const { published, startUs, completedAtUs, ackMs } = await publishAndAwait(measureMs);
    const { serverCpuSeconds, serverShare, loadShare, strangerShare } = meter.read();
    const allocation = await heap?.read();
    const deliveries = published * subscribers;
    return {
      deliveriesPerSecond: (deliveries / (completedAtUs - startUs)) * 1_000_000,
      cpuUsPerDelivery: (serverCpuSeconds / deliveries) * 1_000_000,
      ...(allocation && {
        allocatedBytesPerDelivery: allocation.allocatedBytes / deliveries,
        allocatedBytesPerAppend: allocation.allocatedBytes / published,
        collectionsPerThousandAppends: (allocation.collections / published) * 1_000,
        collectionUsPerAppend: (allocation.collectionMs / published) * 1_000,
      }),
      appendsPerSecond: (published / (completedAtUs - startUs)) * 1_000_000,
      ackP50Ms: ackMs.p50,
      ackP99Ms: ackMs.p99,
      serverShare,
      loadShare,
      strangerShare,
    };
  });
}
