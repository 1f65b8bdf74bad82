/** A group as stored in its record. Only drafts for a compare-and-set are modified. */
export type Group = {
  /** Unique, even among groups with the same name. */
  readonly id: string;
  readonly category: string;
  readonly options: GroupOptions;
  /** The log that its checkpoints refer to. */
  epoch: string;
  /** `new-log`: an import replaced the log, and the group waits for a reset. `deleted`: its records are being removed. */
  state: 'running' | 'stopped' | 'new-log' | 'deleted';
  /** Increases with each resize and reset, which change a partition's streams or checkpoint. */
  layout: number;
  size: number;
  /** The initial checkpoints of this layout. */
  origin: Origin;
  /** The previous layout, until every partition of this one has its checkpoint. */
  previous: PreviousLayout | undefined;
  /** The last generation assigned, over all partitions and layouts. */
  generation: number;
  /** Number of joins. */
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

/**
 * How partitions got their checkpoints. `previous`: from the settled messages of the previous layout. `reset`: at a
 * position, for the named partitions or all.
 */
export type Origin =
  | { readonly from: 'position'; readonly position: number }
  | { readonly from: 'previous' }
  | { readonly from: 'reset'; readonly position: number; readonly partitions: readonly number[] | undefined };

type PreviousLayout = {
  readonly size: number;
  /** The log that its checkpoints refer to; undefined in records of earlier versions. */
  readonly epoch?: string | undefined;
  readonly partitions: { holder: string | undefined; readonly generation: number; isSealed: boolean }[];
};

/** A worker that joined. `(session, attempt)` identifies one of its connections forever. */
export type Member = {
  readonly name: string;
  /** Rank in the order of joins. */
  readonly order: number;
  /** The node it is connected to. */
  node: string;
  attempt: number;
  /** The connection is closed, so a member with the same name may take over at once. */
  isDetached: boolean;
  /** Whether the member was evicted, and so gets no partitions. */
  isEvicted: boolean;
  /** Set when the member has left: how long its share is reserved for its name. */
  keepMs: number | undefined;
  address: string | undefined;
};

/** Who may work on a partition. */
type Ownership = {
  /** The session that owns it. */
  holder: string | undefined;
  generation: number;
  /** The session that will own it next. */
  next: string | undefined;
  /** Whether its checkpoint is known. */
  isReady: boolean;
};

export const maxGroupMembers = 256;
/** Maximum number of members on one node, over all groups of a namespace. */
export const maxNamespaceMembers = 10_000;
export const maxGroupPartitions = 1_024;

/** A new group without partition records. */
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

/** Ownership of a partition in this layout or, until it is sealed, in the previous one. */
export function ownershipOf(
  group: Group,
  layout: number,
  partition: number,
): { readonly holder: string | undefined; readonly generation: number } | undefined {
  if (layout === group.layout) return group.partitions[partition];
  const old = layout === group.layout - 1 ? group.previous?.partitions[partition] : undefined;
  return old?.isSealed === true ? undefined : old;
}

/** The log that positions of this layout refer to. */
export function epochOf({ layout: current, epoch, previous }: Group, layout: number): string {
  return layout < current ? (previous?.epoch ?? epoch) : epoch;
}
