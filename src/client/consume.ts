import type { CheckpointStore } from './checkpoint.ts';
import type { ClientError } from './client-error.ts';
import type { Message } from './messages.ts';
import type { State } from './state.ts';

/** What a worker handles: a category, or its share of it as a member of a consumer group, or one stream. */
export type Work =
  | {
      readonly category: string;
      readonly stream?: never;
      /** Consumer group member, from 0; with `size`. */
      readonly consumer?: number | undefined;
      readonly size?: number | undefined;
    }
  | { readonly stream: string; readonly category?: never };

/** Circumstances of a delivery. */
export type Delivery = {
  /** Counts from 1. */
  readonly attempt: number;
  /** Aborts when the worker is to stop. The worker waits for a handler that ignores it. */
  readonly signal: AbortSignal;
};

/** Handles one message. The next one follows once it has resolved; after a rejection the same message is delivered again. */
export type Handler<Data> = (message: Message<Data>, delivery: Delivery) => Promise<void> | void;

export type ConsumeOptions = {
  /** Storage of the worker's progress. */
  readonly checkpoint: CheckpointStore;
  /** Where to begin when there is no checkpoint: a global position, inclusive, or `head`: behind the head. Default: the first message. */
  readonly position?: number | 'head' | undefined;
  /** After `maxAttempts` failures of a message: stops the worker, or parks the message's stream while the others go on. Default `stop`. */
  readonly onPoison?: 'stop' | 'park' | undefined;
  /** Default 10. */
  readonly maxAttempts?: number | undefined;
  /** When the log is another one, or has forgotten unhandled messages: stops, or handles everything that it holds. Default `stop`. */
  readonly onReset?: 'stop' | 'replay' | undefined;
  /** A handler rejected, or the checkpoint could not be saved. */
  readonly onError?: ((error: unknown, message: Message | undefined) => void) | undefined;
  /** A stream was parked. */
  readonly onParked?: ((message: Message, error: unknown) => void) | undefined;
  readonly onState?: ((state: State) => void) | undefined;
  /** Messages of one read. Default 100. */
  readonly batchSize?: number | undefined;
  /** The checkpoint is saved after so many messages, and whenever all are handled. Default 100. */
  readonly saveEvery?: number | undefined;
  /** Waits between attempts grow from the first to the second, milliseconds. Default 400 and 30,000. */
  readonly retry?: { readonly minMs?: number; readonly maxMs?: number } | undefined;
};

/** A running worker. */
export type Worker = AsyncDisposable & {
  /**
   * Resolves when the worker was stopped. Rejects with a {@link ClientError} when it cannot go on: `POISON` (`cause` is what the handler
   * rejected with, `details` the message), `RESET` (`details` is the reset), `TOO_MANY_PARKED`, or a refusal of the server.
   */
  readonly done: Promise<void>;
  /** Waits for the current handler and saves the checkpoint. Rejects like `done`. */
  stop(): Promise<void>;
  /** Retries parked streams, or this one: their messages are handled in order from the one that failed. */
  retryParked(stream?: string): void;
};
