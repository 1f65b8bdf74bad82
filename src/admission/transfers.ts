import type { Grant } from '../access/access.ts';
import { PokewireError } from '../errors.ts';
import type { Namespace } from '../store/namespace-store.ts';
import { Quota, type QuotaLimit, sayReached } from './quota.ts';

/** Limits of concurrent imports and exports. */
export type TransferLimits = {
  /** Maximum number of concurrent imports and exports; 0: no limit. */
  readonly maxTransfers: number;
  /** Maximum number of concurrent imports and exports of one namespace; 0: no limit per namespace. */
  readonly maxTransfersPerNamespace: number;
};

/** Why a transfer must stop: its token is no longer valid, or its namespace was deleted. */
export type TransferEnd = 'revoked' | 'namespace-deleted';

/** An import or export. Holds a quota until {@link Transfers.finish}. */
export class Transfer {
  /** `uid` of its namespace. */
  readonly uid: string;
  /** Called once if the transfer must stop. */
  onEnd: () => void = () => {};
  /** Whether the answer has ended: the client has received all of it, or has disconnected. */
  isFinished = false;
  #endReason: TransferEnd | undefined = undefined;

  constructor({ uid }: Namespace) {
    this.uid = uid;
  }

  /** Why it must stop; undefined: it may continue. */
  get endReason(): TransferEnd | undefined {
    return this.#endReason;
  }

  /** Notifies it to stop. */
  end(reason: TransferEnd): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    this.onEnd();
  }
}

/** Current imports and exports, limited in number. They stop when the token they were started with becomes invalid. */
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

  /** Starts a transfer; throws `RATE_LIMITED` if there are too many. */
  begin({ namespace }: Grant): Transfer {
    const { id, uid } = namespace;
    const reached = this.#quota.take(uid);
    if (reached !== undefined) this.#refuse(reached, id);
    const transfer = new Transfer(namespace);
    this.#underWay.add(transfer);
    return transfer;
  }

  /** Releases the transfer's quota. */
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
