import type { CheckpointStore } from './checkpoint.ts';
import type { ClientError } from './client-error.ts';
import type { Message } from './messages.ts';
import type { State } from './state.ts';

/**
 * The messages that a worker handles: a category, its share of a category as a consumer group member, or one stream.
 */
export type Work =
  | {
      readonly category: string;
      readonly stream?: never;
      /** Consumer group member, from 0; with `size`. */
      readonly consumer?: number | undefined;
      readonly size?: number | undefined;
    }
  | { readonly stream: string; readonly category?: never };

/** Details of a delivery. */
export type Delivery = {
  /** Counts from 1. */
  readonly attempt: number;
  /** Aborts when the worker is asked to stop. A handler that ignores it delays the stop. */
  readonly signal: AbortSignal;
};

/** Handles one message. The next one follows after it resolves; if it rejects, the same message is delivered again. */
export type Handler<Data> = (message: Message<Data>, delivery: Delivery) => Promise<void> | void;

export type ConsumeOptions = {
  /** Storage of the worker's progress. */
  readonly checkpoint: CheckpointStore;
  /** Where to start without a checkpoint: a global position, inclusive, or `head` for the end of the log. Default: the first message. */
  readonly position?: number | 'head' | undefined;
  /**
   * What to do after `maxAttempts` failures of a message: stop the worker, or park the message's stream and continue
   * with the others. Default `stop`.
   */
  readonly onPoison?: 'stop' | 'park' | undefined;
  /** Default 10. */
  readonly maxAttempts?: number | undefined;
  /**
   * What to do when the log was replaced, or unhandled messages were deleted: stop, or handle the whole log. Default
   * `stop`.
   */
  readonly onReset?: 'stop' | 'replay' | undefined;
  /** A handler rejected, or the checkpoint could not be saved. */
  readonly onError?: ((error: unknown, message: Message | undefined) => void) | undefined;
  /** A stream was parked. */
  readonly onParked?: ((message: Message, error: unknown) => void) | undefined;
  readonly onState?: ((state: State) => void) | undefined;
  /** Messages per read. Default 100. */
  readonly batchSize?: number | undefined;
  /** Saves the checkpoint after this many messages, and when all are handled. Default 100. */
  readonly saveEvery?: number | undefined;
  /** Shortest and longest delay between attempts in milliseconds; it grows in between. Default 400 and 30,000. */
  readonly retry?: { readonly minMs?: number; readonly maxMs?: number } | undefined;
};

/** A running worker. */
export type Worker = AsyncDisposable & {
  /**
   * Resolves when the worker was stopped. Rejects with a {@link ClientError} if it cannot continue: `POISON` (`cause`
   * is the handler's rejection, `details` the message), `RESET` (`details` is the reset), `TOO_MANY_PARKED`, or a
   * refusal by the server.
   */
  readonly done: Promise<void>;
  /** Waits for the running handler and saves the checkpoint. Rejects like `done`. */
  stop(): Promise<void>;
  /** Retries all parked streams or one: handles their messages in order, starting with the one that failed. */
  retryParked(stream?: string): void;
};
