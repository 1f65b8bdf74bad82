import type { StoreFull } from '../log.ts';
import type { NewNamespace } from '../namespace-store.ts';
import { type Account, ByteBudget, type ByteCosts } from '../shared/byte-budget.ts';
import type { StoreLimits } from '../store.ts';
import type { DiskWatch } from './disk-watch.ts';

/** The budget of a store on disk, which may be full before any limit is reached. */
export class DiskBudget extends ByteBudget {
  readonly #disk: DiskWatch;

  constructor(limits: StoreLimits, costs: ByteCosts, disk: DiskWatch) {
    super(limits, costs);
    this.#disk = disk;
  }

  override take(...taken: Parameters<ByteBudget['take']>): StoreFull | undefined {
    const [, messages] = taken;
    // Importing messages that already exist needs no room.
    if (messages.length > 0 && this.#disk.isFull) return this.fullDisk;
    return super.take(...taken);
  }

  override open(namespace: NewNamespace): Account | StoreFull {
    return this.#disk.isFull ? this.fullDisk : super.open(namespace);
  }

  /** The outcome when the disk is full. */
  get fullDisk(): StoreFull {
    return { outcome: 'full', limit: 'disk', bytes: this.bytes, maxBytes: this.maxBytes };
  }
}
