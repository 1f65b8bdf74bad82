import type { ClientError } from '../client-error.ts';
import type { Message } from '../messages.ts';

/** The messages that a group member handles: its share of a category, which changes as members join and leave. */
export type GroupWork = {
  readonly category: string;
  readonly group: string;
  /** Name of this member. A restart under the same name keeps its partitions. Default: `worker-` and random letters. */
  readonly member?: string | undefined;
  /** Creates the group with this number of partitions if it does not exist. Without it, joining an unknown group is refused. */
  readonly size?: number | undefined;
};

/** Details of a delivery. */
export type GroupDelivery = {
  /** Counts from 1. */
  readonly attempt: number;
  /**
   * Fencing token: increases whenever the stream changes its owner. Systems that handlers write to should keep the
   * highest token of each stream and refuse lower ones, because a paused handler may finish after another member has
   * taken over.
   */
  readonly generation: number;
  /**
   * Aborts when the lease has expired or another member owns the stream. A handler must not reject while its effects
   * can still happen: the same message may be handled again at once.
   */
  readonly signal: AbortSignal;
};

/** Handles one message. The stream's next one follows after it resolves. */
export type GroupHandler<Data> = (message: Message<Data>, delivery: GroupDelivery) => Promise<void> | void;

/** A partition that this member owns. */
export type GroupPartition = {
  readonly partition: number;
  readonly layout: number;
  readonly size: number;
  readonly generation: number;
};

/** State of a member. */
export type GroupState =
  | { readonly name: 'connecting' }
  | { readonly name: 'joined'; readonly member: string; readonly session: string }
  | { readonly name: 'away'; readonly nextTryAt: Date; readonly why: ClientError }
  | { readonly name: 'ended'; readonly why: ClientError | undefined };

export type ConsumeGroupOptions = {
  /** Number of streams handled concurrently, each in order. Default 8. */
  readonly concurrency?: number | undefined;
  /** Messages per read. Default 100. */
  readonly batchSize?: number | undefined;
  /**
   * What to do with a message whose handler keeps rejecting. `hold`: the server holds its stream while others continue,
   * retries it later, and parks it after `maxAttempts`. `stop`: the member retries it `maxAttempts` times and ends.
   * Default `hold`.
   */
  readonly onPoison?: 'hold' | 'stop' | undefined;
  /** Default 10. */
  readonly maxAttempts?: number | undefined;
  /** Delays between attempts before the stream is held, milliseconds. Default 200, 1,000 and 5,000. */
  readonly retryMs?: readonly number[] | undefined;
  /** Bounds of the growing delay before a held stream is retried, milliseconds. Default 30,000 and 3,600,000. */
  readonly retryHeld?: { readonly minMs?: number; readonly maxMs?: number } | undefined;
  /** A handler rejected, or a request failed and will be retried. */
  readonly onError?: ((error: unknown, message: Message | undefined) => void) | undefined;
  /** A stream is held. `isParked`: it waits for an administrator. */
  readonly onHeld?: ((message: Message, error: unknown, isParked: boolean) => void) | undefined;
  /** Retention deleted messages before they were handled. An inclusive range of global positions. */
  readonly onForgotten?:
    | ((lost: { readonly from: number; readonly to: number }, partition: GroupPartition) => void)
    | undefined;
  readonly onAssigned?: ((partition: GroupPartition, position: number) => void) | undefined;
  /** `released`: this member finished its work and released the partition. `fenced`: it lost the partition before that. */
  readonly onLost?: ((partition: GroupPartition, why: 'released' | 'fenced') => void) | undefined;
  readonly onState?: ((state: GroupState) => void) | undefined;
};

export type LeaveOptions = {
  /** Reserves the partitions for a member with the same name, so that a deployment moves none; milliseconds, at most 60,000. Default 0. */
  readonly keepMs?: number | undefined;
};

/** A running member. */
export type GroupWorker = AsyncDisposable & {
  /**
   * Resolves when the member has left. Rejects with a {@link ClientError} if it cannot continue: `POISON` (`cause` is
   * the handler's rejection, `details` the message), `GROUP_DELETED`, or a refusal by the server.
   */
  readonly done: Promise<void>;
  /** Waits for running handlers, acknowledges their messages and leaves; other members take over at once. Rejects like `done`. */
  stop(options?: LeaveOptions): Promise<void>;
};
