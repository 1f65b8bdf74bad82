import type { Grant } from '../access/access.ts';
import { PokewireError } from '../errors.ts';
import type { OverloadWatch } from './overload.ts';
import { Quota, type QuotaLimit, sayReached } from './quota.ts';

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
    const { id, uid } = grant.namespace;
    const reached = this.#quota.take(uid);
    if (reached !== undefined) this.#refuse(reached, id);
    return new Read(grant);
  }

  /** Gives its place back. */
  finish(read: Read): void {
    if (read.isOver) return;
    read.isOver = true;
    this.#quota.release(read.grant.namespace.uid);
  }

  #refuse(reached: QuotaLimit, namespaceId: string): never {
    const { maxReads: max, maxReadsPerNamespace: maxPerHolder } = this.#limits;
    const why = sayReached(reached, 'reads', `namespace ${namespaceId}`, { max, maxPerHolder });
    const details = reached === 'holder' ? { maxReadsPerNamespace: maxPerHolder } : { maxReads: max };
    throw new PokewireError('RATE_LIMITED', `${why} Read the answers of those first, or retry later.`, {
      details,
    });
  }
}
