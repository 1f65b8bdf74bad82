/** A group as its record stands in the store. Only drafts of a compare-and-set are changed. */
export type Group = {
  /** Unique, also among groups that had the same name. */
  readonly id: string;
  readonly category: string;
  readonly options: GroupOptions;
  /** The log that its checkpoints are positions of. */
  epoch: string;
  /** `new-log`: an import replaced the log, and the group waits for a reset. `deleted`: its records are being removed. */
  state: 'running' | 'stopped' | 'new-log' | 'deleted';
  /** Rises with each resize and reset; a partition number means other streams, or another checkpoint, in each. */
  layout: number;
  size: number;
  /** The initial checkpoints of this layout. */
  origin: Origin;
  /** The former layout, until every partition of this one has taken its checkpoint from it. */
  previous: PreviousLayout | undefined;
  /** The last generation that was given out, over all partitions and layouts. */
  generation: number;
  /** Joins so far. */
  joins: number;
  /** By session. */
  members: Record<string, Member>;
  partitions: Ownership[];
};

export type GroupOptions = {
  /** `hold`: parks a stream whose message keeps failing; others continue. `stop`: its partition stops. */
  readonly onPoison: 'hold' | 'stop';
  readonly onNewLog: 'stop' | 'first' | 'last';
  readonly maxAttempts: number;
};

/** `previous`: behind what was settled there. `reset`: at a position, those partitions that are named, or all. */
export type Origin =
  | { readonly from: 'position'; readonly position: number }
  | { readonly from: 'previous' }
  | { readonly from: 'reset'; readonly position: number; readonly partitions: readonly number[] | undefined };

type PreviousLayout = {
  readonly size: number;
  readonly partitions: { holder: string | undefined; readonly generation: number; isSealed: boolean }[];
};

/** A worker that joined. `(session, attempt)` names one connection of it for ever. */
export type Member = {
  readonly name: string;
  /** Place in the order of joins. */
  readonly order: number;
  /** The node that its connection is on. */
  node: string;
  attempt: number;
  /** Its connection is gone; the same name may take its place at once. */
  isDetached: boolean;
  /** It was evicted and is assigned nothing. */
  isEvicted: boolean;
  /** It has left, and its share is reserved for its name this long. */
  keepMs: number | undefined;
  address: string | undefined;
};

/** Who may work on a partition. */
type Ownership = {
  /** Session that owns it. */
  holder: string | undefined;
  generation: number;
  /** Session that owns it next. */
  next: string | undefined;
  /** Its checkpoint is known. */
  isReady: boolean;
};

export const maxGroupMembers = 256;
/** Members of all groups of a namespace that have members on one node. */
export const maxNamespaceMembers = 10_000;
export const maxGroupPartitions = 1_024;

/** A new group, whose partitions do not exist yet. */
export function newGroup(
  id: string,
  given: Pick<Group, 'category' | 'options' | 'epoch' | 'size' | 'generation'> & { readonly position: number },
): Group {
  const { category, options, epoch, size, generation, position } = given;
  return {
    id,
    category,
    options,
    epoch,
    state: 'running',
    layout: 0,
    size,
    origin: { from: 'position', position },
    previous: undefined,
    generation,
    joins: 0,
    members: {},
    partitions: freshPartitions(size),
  };
}

/** Partitions without checkpoints. */
export function freshPartitions(size: number): Ownership[] {
  return Array.from({ length: size }, () => ({ holder: undefined, generation: 0, next: undefined, isReady: false }));
}

/** Who owns a partition of this layout or, until it is sealed, of the previous one. */
export function ownershipOf(
  group: Group,
  layout: number,
  partition: number,
): { readonly holder: string | undefined; readonly generation: number } | undefined {
  if (layout === group.layout) return group.partitions[partition];
  const old = layout === group.layout - 1 ? group.previous?.partitions[partition] : undefined;
  return old?.isSealed === true ? undefined : old;
}
