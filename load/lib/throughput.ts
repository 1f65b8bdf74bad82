import { Bench } from './bench.ts';
import type { Reading } from './results.ts';
import type { Target } from './target.ts';

export type ThroughputSettings = {
  readonly publishers: number;
  readonly subscribers: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
};

const burstPauseMs = 5;
const completeWithinMs = 20_000;

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
      const { complete, completedAtUs } = await bench.subscribers.awaitFrames({
        name: 'all',
        frames,
        timeoutMs: completeWithinMs,
      });
      if (!complete) {
        const { least, most, problems } = await bench.subscribers.report('all');
        throw new Error(`of ${frames} pokes subscribers have ${least} to ${most}: ${problems.join('; ')}`);
      }
      return { ...report, completedAtUs };
    };
    await publishAndAwait(warmUpMs);
    const allocatedBefore = await bench.metric('pokewire_process_allocated_bytes_total');
    const meter = bench.meter();
    const { published, startUs, completedAtUs, ackMs } = await publishAndAwait(measureMs);
    const { serverCpuSeconds, serverShare, loadShare, strangerShare } = meter.read();
    const allocated = (await bench.metric('pokewire_process_allocated_bytes_total')) - allocatedBefore;
    await assertRight(bench, frames, subscribers);
    const deliveries = published * subscribers;
    return {
      deliveriesPerSecond: (deliveries / (completedAtUs - startUs)) * 1_000_000,
      cpuUsPerDelivery: (serverCpuSeconds / deliveries) * 1_000_000,
      ...(Number.isNaN(allocated) ? {} : { allocatedBytesPerDelivery: allocated / deliveries }),
      appendsPerSecond: (published / (completedAtUs - startUs)) * 1_000_000,
      ackP50Ms: ackMs.p50,
      ackP99Ms: ackMs.p99,
      serverShare,
      loadShare,
      strangerShare,
    };
  });
}

async function assertRight(bench: Bench, frames: number, subscribers: number): Promise<void> {
  const report = await bench.subscribers.report('all');
  if (report.problems.length > 0) throw new Error(report.problems.join('; '));
  if (report.frames !== frames * subscribers) {
    throw new Error(`${report.frames} deliveries, not ${frames * subscribers}`);
  }
}
