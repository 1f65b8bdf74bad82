/**
 * Decides how long a group member may start handlers. Pure functions: no clock, no socket. Times are milliseconds of a
 * monotonic clock that includes the time in which the machine slept. A book is immutable; each function returns a new
 * one.
 * Each rule prevents a race in which two members work on the same stream:
 * - A lease counts from the time its beat was sent, never from the arrival of the answer.
 * - A lease extends only partitions assigned on the connection that carries it; `joined` extends nothing.
 * - Revoking and releasing are final for a generation.
 * - A member that leaves accepts no assignment.
 */
export type DeadlineBook = {
  /** Undefined before the first `joined` event. */
  readonly session: string | undefined;
  /** Number of connection attempts. */
  readonly attempt: number;
  /** When the last attempt was made. */
  readonly attemptedAtMs: number;
  /** Attempt whose connection is open; undefined: none is. */
  readonly connection: number | undefined;
  /** Deadline of the session's lease, and of partitions assigned now. */
  readonly deadlineMs: number;
  /** Number of the last heartbeat. */
  readonly beat: number;
  /** Send times of beats whose lease may still arrive. */
  readonly sentAtMs: ReadonlyMap<number, number>;
  readonly assignments: ReadonlyMap<PartitionKey, Assignment>;
  /** Highest generation released of each partition. */
  readonly released: ReadonlyMap<PartitionKey, number>;
  readonly isLeaving: boolean;
};

/** Contains the layout, because a partition number stands for different streams in each layout. */
export type PartitionKey = `${number}/${number}`;

/** A partition in one generation of its ownership. */
export type Generation = { readonly layout: number; readonly partition: number; readonly generation: number };

/** A partition this member owns. */
type Assignment = Generation & {
  /** No handler may start after this time. */
  readonly deadlineMs: number;
  /** Attempt whose connection last assigned it. */
  readonly connection: number | undefined;
  readonly isRevoked: boolean;
};

/** Share of a lease that is used; two clocks may drift by 3 % each. */
const leaseMargin = 0.9;

/** Maximum number of beats waiting for a lease; a lease for an older beat extends nothing. */
const maxBeats = 32;

const never = Number.NEGATIVE_INFINITY;

export const emptyBook: DeadlineBook = {
  session: undefined,
  attempt: 0,
  attemptedAtMs: never,
  connection: undefined,
  deadlineMs: never,
  beat: 0,
  sentAtMs: new Map(),
  assignments: new Map(),
  released: new Map(),
  isLeaving: false,
};

export function keyOf({ layout, partition }: { readonly layout: number; readonly partition: number }): PartitionKey {
  return `${layout}/${partition}`;
}

/** Starts the next connection attempt. */
export function attempted(book: DeadlineBook, nowMs: number): DeadlineBook {
  return { ...book, attempt: book.attempt + 1, attemptedAtMs: nowMs, connection: undefined };
}

/** The server accepted the last attempt. A new session owns none of the previous session's partitions. */
export function joined(book: DeadlineBook, { session, leaseMs }: { session: string; leaseMs: number }): DeadlineBook {
  const known =
    book.session === session ? book : { ...book, deadlineMs: never, assignments: new Map(), released: new Map() };
  const deadlineMs = Math.max(known.deadlineMs, book.attemptedAtMs + leaseMargin * leaseMs);
  return { ...known, session, connection: book.attempt, deadlineMs };
}

/** The connection was lost. Assignments last until their deadlines. */
export function disconnected(book: DeadlineBook): DeadlineBook {
  return { ...book, connection: undefined };
}

/** Assigns a number to the beat being sent. */
export function beaten(book: DeadlineBook, nowMs: number): DeadlineBook {
  const beat = book.beat + 1;
  const sentAtMs = new Map(book.sentAtMs).set(beat, nowMs);
  sentAtMs.delete(beat - maxBeats);
  return { ...book, beat, sentAtMs };
}

/** Applies the lease that answers a beat. It does not cover the partitions in `except`, in any layout. */
export function leased(
  book: DeadlineBook,
  { beat, leaseMs, except }: { readonly beat: number; readonly leaseMs: number; readonly except: readonly number[] },
): DeadlineBook {
  const sentAtMs = book.sentAtMs.get(beat);
  if (sentAtMs === undefined || book.connection === undefined) return book;
  const deadlineMs = sentAtMs + leaseMargin * leaseMs;
  const assignments = new Map(book.assignments);
  for (const [key, assignment] of assignments)
    if (assignment.connection === book.connection && !except.includes(assignment.partition))
      assignments.set(key, { ...assignment, deadlineMs: Math.max(assignment.deadlineMs, deadlineMs) });
  return { ...book, deadlineMs: Math.max(book.deadlineMs, deadlineMs), assignments };
}

/**
 * What to do with an assigned partition: `start` at the assigned position, `continue` at the current one, `release` it
 * again, or `ignore` it.
 */
export function assigned(
  book: DeadlineBook,
  given: Generation,
): { readonly book: DeadlineBook; readonly action: 'start' | 'continue' | 'release' | 'ignore' } {
  if (book.isLeaving) return { book, action: 'ignore' };
  const key = keyOf(given);
  const { layout, partition, generation } = given;
  if ((book.released.get(key) ?? never) >= generation) return { book, action: 'release' };
  const { connection } = book;
  const old = book.assignments.get(key);
  if (old !== undefined && old.generation > generation) return { book, action: 'ignore' };
  const isKnown = old?.generation === generation;
  const next: Assignment = isKnown
    ? { ...old, connection, deadlineMs: Math.max(old.deadlineMs, book.deadlineMs) }
    : { layout, partition, generation, connection, deadlineMs: book.deadlineMs, isRevoked: false };
  const assignments = new Map(book.assignments).set(key, next);
  return { book: { ...book, assignments }, action: isKnown ? 'continue' : 'start' };
}

/**
 * What to do with a revoked partition: `finish` running handlers and release it, `release` it at once because nothing
 * runs, or `ignore` it.
 */
export function revoked(
  book: DeadlineBook,
  given: Generation,
): { readonly book: DeadlineBook; readonly action: 'finish' | 'release' | 'ignore' } {
  const key = keyOf(given);
  const old = book.assignments.get(key);
  if (old === undefined || old.generation < given.generation) return { book: released(book, given), action: 'release' };
  if (old.generation > given.generation) return { book, action: 'ignore' };
  const assignments = new Map(book.assignments).set(key, { ...old, isRevoked: true });
  return { book: { ...book, assignments }, action: 'finish' };
}

/** Records that the partition was released, up to this generation. */
export function released(book: DeadlineBook, given: Generation): DeadlineBook {
  const key = keyOf(given);
  const generations = new Map(book.released);
  generations.set(key, Math.max(given.generation, generations.get(key) ?? never));
  // A resize starts only after the previous one has ended, so older layouts no longer assign anything.
  for (const { layout } of [...book.assignments.values(), given])
    for (const other of generations.keys()) if (Number.parseInt(other, 10) < layout - 1) generations.delete(other);
  const assignments = new Map(book.assignments);
  if ((assignments.get(key)?.generation ?? never) <= given.generation) assignments.delete(key);
  return { ...book, assignments, released: generations };
}

/** The server refused this generation, because a newer one is in force. An older event may still assign it. */
export function fenced(book: DeadlineBook, given: Generation): DeadlineBook {
  return book.assignments.get(keyOf(given))?.generation === given.generation ? released(book, given) : book;
}

/** The member is leaving, and starts no more handlers. */
export function leaving(book: DeadlineBook): DeadlineBook {
  return { ...book, isLeaving: true };
}

/** Whether a handler of this partition may start now. */
export function mayStart(book: DeadlineBook, given: Generation, nowMs: number): boolean {
  const assignment = book.assignments.get(keyOf(given));
  if (book.isLeaving || assignment === undefined || assignment.isRevoked) return false;
  return assignment.generation === given.generation && nowMs < assignment.deadlineMs;
}
