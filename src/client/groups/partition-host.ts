import type { WorkerSource } from '../worker-source.ts';
import type { ConsumeGroupOptions, GroupHandler } from './consume-group.ts';
import type { GroupRequests } from './group-requests.ts';
import type { HandlerSlots } from './handler-slots.ts';

/** The functions of the member that a partition uses. */
export type PartitionHost<Data> = {
  readonly source: WorkerSource;
  readonly category: string;
  readonly session: string;
  readonly handler: GroupHandler<Data>;
  readonly options: ConsumeGroupOptions;
  readonly slots: HandlerSlots;
  readonly requests: GroupRequests;
  /** Epoch of the log to read. */
  readonly epoch: string;
  /** The latest known head of the log. */
  readonly head: () => number;
  /** Whether memory for messages of all partitions allows another page. */
  readonly hasRoom: () => boolean;
  readonly mayStart: () => boolean;
  /** Called when something can be acknowledged. */
  readonly settled: () => void;
  readonly fenced: () => void;
  readonly failed: (error: unknown) => void;
};
