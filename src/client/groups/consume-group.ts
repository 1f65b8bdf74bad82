import type { ClientError } from '../client-error.ts';
import type { Message } from '../messages.ts';

/** What a member of a group handles: its share of a category, which changes as members come and go. */
export type GroupWork = {
  readonly category: string;
  readonly group: string;
  /** Name of this member; whoever comes back under it takes its share over at once. Default: a new one each time. */
  readonly member?: string | undefined;
  /** Makes the group with so many partitions where there is none. Without it joining an unknown group is refused. */
  readonly size?: number | undefined;
};

/** What a handler knows beside its message. */
export type GroupDelivery = {
  /** Counts from 1. */
  readonly attempt: number;
  /**
   * Fencing token: rises whenever the stream gets another owner. Whatever a handler changes elsewhere should keep the highest token of
   * each stream, and refuse lower ones: a handler that was paused can end after another member has taken over.
   */
  readonly generation: number;
  /** Aborts when the member no longer surely owns the stream. */
  readonly signal: AbortSignal;
};

/** Handles one message; the next one of its stream comes when it has resolved. */
export type GroupHandler<Data> = (message: Message<Data>, delivery: GroupDelivery) => Promise<void> | void;

/** What this member owns of the group. */
export type GroupPartition = {
  readonly partition: number;
  readonly layout: number;
  readonly size: number;
  readonly generation: number;
};

/** Where a member stands. */
export type GroupState =
  | { readonly name: 'connecting' }
  | { readonly name: 'joined'; readonly member: string; readonly session: string }
  | { readonly name: 'away'; readonly nextTryAt: Date; readonly why: ClientError }
  | { readonly name: 'ended'; readonly why: ClientError | undefined };

export type ConsumeGroupOptions = {
  /** Streams that are handled at the same time, each in order. Default 8. */
  readonly concurrency?: number | undefined;
  /** Messages of one read. Default 100. */
  readonly batchSize?: number | undefined;
  /**
   * What becomes of a message whose handler goes on rejecting. `hold`: its stream waits at the server and the others go on; it is tried again
   * later, and parked after `maxAttempts`. `stop`: the member tries it in place `maxAttempts` times and ends. Default `hold`.
   */
  readonly onPoison?: 'hold' | 'stop' | undefined;
  /** Default 10. */
  readonly maxAttempts?: number | undefined;
  /** Waits between attempts before a stream is held, milliseconds. Default 200, 1,000 and 5,000. */
  readonly retryMs?: readonly number[] | undefined;
  /** Waits before a held stream is tried again grow from the first to the second, milliseconds. Default 30,000 and 3,600,000. */
  readonly retryHeld?: { readonly minMs?: number; readonly maxMs?: number } | undefined;
  /** A handler rejected, or a request that will be repeated failed. */
  readonly onError?: ((error: unknown, message: Message | undefined) => void) | undefined;
  /** A stream is held, or `isParked`: it waits for a decision. */
  readonly onHeld?: ((message: Message, error: unknown, isParked: boolean) => void) | undefined;
  /** Retention has deleted messages before they were handled: global positions, both inclusive. */
  readonly onForgotten?:
    | ((lost: { readonly from: number; readonly to: number }, partition: GroupPartition) => void)
    | undefined;
  readonly onAssigned?: ((partition: GroupPartition, position: number) => void) | undefined;
  /** `released`: it finished and let go. `fenced`: another member owns it already. */
  readonly onLost?: ((partition: GroupPartition, why: 'released' | 'fenced') => void) | undefined;
  readonly onState?: ((state: GroupState) => void) | undefined;
};

/** How to leave. */
export type LeaveOptions = {
  /** Reserves the share for a member of the same name so long, milliseconds up to 60,000: a deployment moves nothing. Default 0. */
  readonly keepMs?: number | undefined;
};

/** A member at work. */
export type GroupWorker = AsyncDisposable & {
  /**
   * Resolves when the member has left. Rejects with a {@link ClientError} when it cannot go on: `POISON` (`cause` is what the handler rejected
   * with, `details` the message), `GROUP_DELETED`, or a refusal of the server.
   */
  readonly done: Promise<void>;
  /** Finishes the handlers under way, settles them and leaves: others take over at once. Rejects like `done`. */
  stop(options?: LeaveOptions): Promise<void>;
};
