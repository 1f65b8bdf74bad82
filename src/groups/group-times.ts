/** Times of the protocol, in milliseconds. */
export type GroupTimes = {
  /** A worker may start handlers so long after it sent the beat that was answered, less a margin. */
  readonly leaseMs: number;
  /** Between two beats of a worker. */
  readonly beatMs: number;
  /** A node is dead when its record stood still so long. Above `leaseMs`, or leases would shrink to it. */
  readonly nodeTtlMs: number;
  /** Between two turns of a node. */
  readonly turnMs: number;
  /** How long a worker may finish what it does when its partition moves. */
  readonly handOverMs: number;
};

export const groupTimes: GroupTimes = {
  leaseMs: 15_000,
  beatMs: 3_000,
  nodeTtlMs: 20_000,
  turnMs: 1_000,
  handOverMs: 30_000,
};

/** Part of a time that is used by whoever acts on it: monotonic clocks may differ by 3 % in rate, one fast and one slow. */
export const clockMargin = 0.9;

/** A node that is valid for less promises nothing. */
export const leastValidMs = 500;
