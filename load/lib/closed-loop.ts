import type { Reading } from './results.ts';
import { takeTurn } from './turn-taking.ts';

export type ClosedLoopSettings = {
  readonly connections: number;
  readonly streams: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
};

/**
 * Appends per second of writers that each send the next append when the last is acknowledged. Takes turns with other
 * load runs. Each append gets the number of its writer and the next stream number.
 */
export async function measureClosedLoop(
  { connections, streams, warmUpMs, measureMs }: ClosedLoopSettings,
  append: (writer: number, stream: number) => Promise<unknown>,
): Promise<Reading> {
  let count = 0;
  const run = async (durationMs: number) => {
    const endMs = performance.now() + durationMs;
    const write = async (_value: unknown, writer: number) => {
      while (performance.now() < endMs) await append(writer, count++ % streams);
    };
    await Promise.all(Array.from({ length: connections }, write));
  };
  const endTurn = await takeTurn();
  try {
    await run(warmUpMs);
    const [before, startMs] = [count, performance.now()];
    await run(measureMs);
    return { appendsPerSecond: ((count - before) / (performance.now() - startMs)) * 1_000 };
  } finally {
    endTurn();
  }
}
