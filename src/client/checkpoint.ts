/** Progress of a worker. */
export type Checkpoint = {
  /** Every message up to this global position was handled, or is parked. */
  readonly position: number;
  /** Epoch of the log that the position is in; without it another log at the address is not recognised. */
  readonly epoch?: string | undefined;
  /** Parked streams, each with the global position of the message that failed. */
  readonly parked?: Readonly<Record<string, number>> | undefined;
};

/** Storage of one worker's checkpoint. */
export interface CheckpointStore {
  /** Resolves to the last saved checkpoint; undefined: none was saved. */
  load(): Promise<Checkpoint | undefined>;
  /** Resolves once the checkpoint survives a crash. */
  save(checkpoint: Checkpoint): Promise<void>;
}

/** Keeps the checkpoint in memory: after a restart of the process the worker starts over. */
export function memoryCheckpoint(checkpoint?: Checkpoint): CheckpointStore {
  let kept = checkpoint;
  return {
    load: async () => kept,
    save: async (next) => {
      kept = next;
    },
  };
}
