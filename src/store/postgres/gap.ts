import type { Culprit, Holder } from './sequence-fence.ts';

const mostFenceMs = 50;

/** A gap in the positions: its start time, its last position, and the transactions that may still fill it. */
export type Gap = { readonly sinceMs: number; upTo: number; owners: ReadonlySet<Holder>; culprit: Culprit | undefined };

/** Delay until the next look at a gap: a twentieth of its age, between 1 ms and 50 ms. */
export function fenceDelayMs({ sinceMs }: Gap): number {
  return Math.min(mostFenceMs, Math.max(1, (performance.now() - sinceMs) / 20));
}
