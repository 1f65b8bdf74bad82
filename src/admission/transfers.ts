import type { Grant } from '../access/access.ts';
import { PokewireError } from '../errors.ts';
import type { Namespace } from '../store/namespace-store.ts';
import { Quota, type QuotaLimit, sayReached } from './quota.ts';

/** How many imports and exports may be under way. */
export type TransferLimits = {
  /** Imports and exports under way at once; 0: no limit. */
  readonly maxTransfers: number;
  /** Of these, those of one namespace; 0: no limit of their own. */
  readonly maxTransfersPerNamespace: number;
};

/** Why a transfer may not go on: its token is no longer valid, or its namespace is no more. */
export type TransferEnd = 'revoked' | 'namespace-deleted';

/** An import or export under way. It takes a place until it is {@link Transfers.finish}ed. */
export class Transfer {
  /** Of its namespace. */
  readonly uid: string;
  /** Called once, when it may not go on. */
  onEnd: () => void = () => {};
  /** Its answer is over: whoever asked for it has all of it, or has gone. */
  isFinished = false;
  #endReason: TransferEnd | undefined = undefined;

  constructor({ uid }: Namespace) {
    this.uid = uid;
  }

  /** Why it may not go on; undefined: it may. */
  get endReason(): TransferEnd | undefined {
    return this.#endReason;
  }

  /** Says that it may not go on. */
  end(reason: TransferEnd): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    this.onEnd();
  }
}

/** The imports and exports under way: they are as many as may be, and end with the token they came by. */
export class Transfers {
  readonly #limits: TransferLimits;
  readonly #underWay = new Set<Transfer>();
  readonly #quota: Quota;

  constructor(limits: TransferLimits) {
    this.#limits = limits;
    this.#quota = new Quota(limits.maxTransfers, limits.maxTransfersPerNamespace);
  }

  get underWay(): ReadonlySet<Transfer> {
    return this.#underWay;
  }

  /** Begins one; throws `RATE_LIMITED` when there are too many. */
  begin({ namespace }: Grant): Transfer {
    const { id, uid } = namespace;
    const reached = this.#quota.take(uid);
    if (reached !== undefined) this.#refuse(reached, id);
    const transfer = new Transfer(namespace);
    this.#underWay.add(transfer);
    return transfer;
  }

  /** Gives its place back. */
  finish(transfer: Transfer): void {
    if (!this.#underWay.delete(transfer)) return;
    transfer.isFinished = true;
    this.#quota.release(transfer.uid);
  }

  #refuse(reached: QuotaLimit, namespaceId: string): never {
    const { maxTransfers: max, maxTransfersPerNamespace: maxPerHolder } = this.#limits;
    const why = sayReached(reached, 'imports and exports', `namespace ${namespaceId}`, { max, maxPerHolder });
    const details = reached === 'holder' ? { maxTransfersPerNamespace: maxPerHolder } : { maxTransfers: max };
    throw new PokewireError('RATE_LIMITED', `${why} Retry later.`, { details });
  }
}
