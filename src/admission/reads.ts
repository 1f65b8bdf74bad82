import type { Grant } from '../access/access.ts';
import { PokewireError } from '../errors.ts';
import type { OverloadWatch } from './overload.ts';
import { Quota, type QuotaLimit, sayReached } from './quota.ts';

/** Limits of concurrent reads. */
export type ReadLimits = {
  /** Maximum number of concurrent reads; 0: no limit. */
  readonly maxReads: number;
  /** Maximum number of concurrent reads of one namespace; 0: no limit per namespace. */
  readonly maxReadsPerNamespace: number;
};

/** Why a read is refused: a configured limit was reached, or memory was short. */
export const readRefusals = ['limit', 'overloaded'] as const;

/** One of {@link readRefusals}. */
export type ReadRefusal = (typeof readRefusals)[number];

/** A read, from its start until the client has its answer or has left. */
export class Read {
  /** The client has its answer or has left, so nothing more needs to be read. */
  isOver = false;
  readonly grant: Grant;

  constructor(grant: Grant) {
    this.grant = grant;
  }
}

/**
 * Current reads. Each may hold a page of messages until its client has received it, so their number bounds the memory
 * of answers.
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

  /** Starts a read; throws `RATE_LIMITED` if there are too many, `OVERLOADED` if memory is short. */
  begin(grant: Grant): Read {
    this.#overload.refuseRead();
    const { id, uid } = grant.namespace;
    const reached = this.#quota.take(uid);
    if (reached !== undefined) this.#refuse(reached, id);
    return new Read(grant);
  }

  /** Releases the read's quota. */
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
