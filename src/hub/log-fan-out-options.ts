import type { Poke } from '../message/poke.ts';
import type { BufferPool } from '../pool/buffer-pool.ts';
import type { ObjectPool } from '../pool/object-pool.ts';
import type { FrameEncoder } from '../sse/frame.ts';
import type { Log } from '../store/log.ts';
import type { RetryDelays } from './back-off.ts';
import type { CatchUpStats } from './catch-up.ts';
import type { FrameBatch } from './frame-batch.ts';
import type { ReadSlots } from './read-slots.ts';
import type { Subscription, SubscriptionState } from './subscription.ts';
import type { TurnGate } from './turn-gate.ts';

/** The log, and the objects that all fan-outs of a hub share. */
export type LogFanOutOptions = {
  readonly log: Log;
  readonly batch: FrameBatch;
  readonly slots: ReadSlots;
  /** Passed by each subscription that begins or goes live. */
  readonly gate: TurnGate;
  readonly pokes: ObjectPool<Poke>;
  readonly buffers: BufferPool;
  readonly encoder: FrameEncoder;
  readonly catchUpStats: CatchUpStats;
  readonly retryDelays: RetryDelays;
  /** Current limit of pokes in the window. */
  readonly windowPokes: () => number;
  /** Current limit of streams in one round of conflation. */
  readonly roundStreams: () => number;
  /** Called after every change of a subscription's state. */
  readonly moved: (subscription: Subscription, from: SubscriptionState) => void;
  /** A read of the log failed and will be retried. */
  readonly readFailed: (error: unknown) => void;
};
