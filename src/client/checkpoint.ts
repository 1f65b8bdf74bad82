/** A worker's progress. */
export type Checkpoint = {
  /** Every message up to this global position was handled or is parked. */
  readonly position: number;
  /** Epoch of the log. Without it, a different log at the same address is not noticed. */
  readonly epoch?: string | undefined;
  /** Parked streams, each with the global position of the message that failed. */
  readonly parked?: Readonly<Record<string, number>> | undefined;
};

/** Storage of one worker's checkpoint. */
export interface CheckpointStore {
  /** Resolves to the checkpoint saved last; undefined if there is none. */
  load(): Promise<Checkpoint | undefined>;
  /** Resolves once the checkpoint survives a crash. */
  save(checkpoint: Checkpoint): Promise<void>;
}

/** Keeps the checkpoint in memory only: after a restart the worker starts over. */
export function memoryCheckpoint(checkpoint?: Checkpoint): CheckpointStore {
  let kept = checkpoint;
  return {
    load: async () => kept,
    save: async (next) => {
      kept = next;
    },
  };
}
