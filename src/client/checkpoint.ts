/** How far a worker has come. */
export type Checkpoint = {
  /** Every message up to this global position was handled, or is parked. */
  readonly position: number;
  /** The log that the position is of; without it another log behind the address is not recognised. */
  readonly epoch?: string | undefined;
  /** Streams that wait for a decision, and the global position of the message that could not be handled. */
  readonly parked?: Readonly<Record<string, number>> | undefined;
};

/** Where a worker keeps its checkpoint. One worker at a time. */
export interface CheckpointStore {
  /** Resolves to what was saved last; undefined: nothing was. */
  load(): Promise<Checkpoint | undefined>;
  /** Resolves when it will be there after a crash. */
  save(checkpoint: Checkpoint): Promise<void>;
}

/** Keeps it in memory: the worker begins anew with its process. */
export function memoryCheckpoint(checkpoint?: Checkpoint): CheckpointStore {
  let kept = checkpoint;
  return {
    load: async () => kept,
    save: async (next) => {
      kept = next;
    },
  };
}
