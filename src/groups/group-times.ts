/** Timing of the protocol, in milliseconds. */
export type GroupTimes = {
  /** A worker may start handlers for this long after it sent a beat that was answered, minus a margin. */
  readonly leaseMs: number;
  /** Interval of a worker's beats. */
  readonly beatMs: number;
  /**
   * In a quiet group, a heartbeat is answered only if this much time has passed since the last confirmation of a full
   * lease. If one is not answered, the next one still extends the lease in time.
   */
  readonly renewMs: number;
  /** A node is dead if its record has not changed for this long. Longer than `leaseMs`, or leases would shrink to it. */
  readonly nodeTtlMs: number;
  /** Interval of a node's turns. */
  readonly turnMs: number;
  /** How long a worker may finish running handlers when its partition moves. */
  readonly handOverMs: number;
};

export const groupTimes: GroupTimes = {
  leaseMs: 15_000,
  beatMs: 3_000,
  renewMs: 4_500,
  nodeTtlMs: 20_000,
  turnMs: 1_000,
  handOverMs: 30_000,
};

/** Share of a period that the acting side uses: the rates of two monotonic clocks may differ by 3 % each, in opposite directions. */
export const clockMargin = 0.9;

/** A node valid for less than this confirms nothing. */
export const leastValidMs = 500;
