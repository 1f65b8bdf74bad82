import { arrayOf, Bench } from './bench.ts';
import type { Reading } from './results.ts';
import type { Target } from './target.ts';

/** Connections and durations for appends of single messages and of arrays. */
export type AppendSettings = {
  readonly connections: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly messagesPerArray: number;
  readonly arrayConnections: number;
  /** Shorter, because the single appends have warmed up most of the code. */
  readonly arrayWarmUpMs: number;
};

/** Appends to a store shared by nodes; the log alone is measured with the same settings. */
export const sharedStoreAppends = {
  connections: 64,
  streams: 1_000,
  warmUpMs: 2_000,
  measureMs: 3_000,
  messagesPerArray: 100,
  arrayConnections: 16,
  arrayWarmUpMs: 500,
};

/** Rates and latencies of appends over HTTP: single messages, then arrays. */
export function measureAppends(
  target: Target,
  settings: AppendSettings,
  message = target.appendBody,
): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { connections, warmUpMs, measureMs, messagesPerArray, arrayConnections, arrayWarmUpMs } = settings;
    await bench.publish({ connections, body: message, durationMs: warmUpMs });
    const meter = bench.meter(bench.publishers.pid);
    const single = await bench.publish({ connections, body: message, durationMs: measureMs });
    const { serverShare, loadShare } = meter.read();
    const body = arrayOf(message, messagesPerArray);
    await bench.publish({ connections: arrayConnections, body, durationMs: arrayWarmUpMs });
    const arrays = await bench.publish({ connections: arrayConnections, body, durationMs: measureMs / 2 });
    return {
      appendsPerSecond: (single.published / (single.endUs - single.startUs)) * 1_000_000,
      ackP50Ms: single.ackMs.p50,
      ackP99Ms: single.ackMs.p99,
      arrayMessagesPerSecond: ((arrays.published * messagesPerArray) / (arrays.endUs - arrays.startUs)) * 1_000_000,
      arrayAckP99Ms: arrays.ackMs.p99,
      serverShare,
      loadShare,
    };
  });
}
