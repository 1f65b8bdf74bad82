import type { Grant } from '../access/access.ts';
import { PokewireError } from '../errors.ts';
import type { OverloadWatch } from './overload.ts';
import { Quota } from './quota.ts';

/** How many reads may be under way. */
export type ReadLimits = {
  /** Reads under way at once; 0: no limit. */
  readonly maxReads: number;
  /** Of these, those of one namespace; 0: no limit of their own. */
  readonly maxReadsPerNamespace: number;
};

/** Why a read is refused: a configured number was under way, or memory was short. */
export const readRefusals = ['limit', 'overloaded'] as const;

/** One of {@link readRefusals}. */
export type ReadRefusal = (typeof readRefusals)[number];

/** A read under way, until the client has its answer or has gone. */
export class Read {
  /** The client has its answer, or has gone: nobody wants what would still be read. */
  isOver = false;
  readonly grant: Grant;

  constructor(grant: Grant) {
    this.grant = grant;
  }
}

/**
 * The reads under way. Each may hold a page of messages for as long as its client takes, so their number bounds the memory
 * that answers take.
 */
export class Reads {
  readonly #limits: ReadLimits;
  readonly #quota: Quota;
  readonly #overload: Pick<OverloadWatch, 'refuseRead'>;

  constructor(limits: ReadLimits, overload: Pick<OverloadWatch, 'refuseRead'>) {
    this.#limits = limits;
    this.#quota = new Quota(limits.maxReads, limits.maxReadsPerNamespace);
    this.#overload = overload;
  }

  get underWay(): number {
    return this.#quota.taken;
  }

  /** Begins one; throws `RATE_LIMITED` when there are too many, `OVERLOADED` when there is no memory for it. */
  begin(grant: Grant): Read {
    this.#overload.refuseRead();
    const { maxReads, maxReadsPerNamespace } = this.#limits;
    const { id, uid } = grant.namespace;
    const reached = this.#quota.take(uid);
    if (reached === 'all') refuse(`${maxReads} reads are under way, and no more may be.`, { maxReads });
    if (reached === 'holder') {
      refuse(`${maxReadsPerNamespace} reads of namespace ${id} are under way, and no more may be.`, {
        maxReadsPerNamespace,
      });
    }
    if (reached === 'kept') {
      refuse(`Most of ${maxReads} reads are under way, and the rest are kept for namespaces with few of them.`, {
        maxReads,
      });
    }
    return new Read(grant);
  }

  /** Gives its place back. */
  finish(read: Read): void {
    if (read.isOver) return;
    read.isOver = true;
    this.#quota.release(read.grant.namespace.uid);
  }
}

function refuse(why: string, details: Partial<ReadLimits>): never {
  const advice = 'Take the answers of those first, or come again later.';
  throw new PokewireError('RATE_LIMITED', `${why} ${advice}`, { details });
}
