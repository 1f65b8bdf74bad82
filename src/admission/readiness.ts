import { PokewireError } from '../errors.ts';
import type { Store, StoreUsage } from '../store/store.ts';
import type { AppendStats } from './append-stats.ts';
import type { OverloadWatch } from './overload.ts';

/**
 * A store that takes longer is reported as not responding. Most probes and scrapes give up after 5 or 10 seconds, and
 * would then get no reason.
 */
const answerMs = 2_000;

/** How long a store that cannot report its free space is reported as full after it refused an append. */
const unseenFullMs = 30_000;

/** Whether messages can be appended. Reads and subscriptions continue in a full store. */
export type StoreState = 'ok' | 'full';

/** Facts that readiness depends on. */
export type ReadinessSources = {
  readonly store: Store;
  readonly appends: AppendStats;
  readonly overload: OverloadWatch;
  /** Number of logs that cannot be read for their subscriptions. */
  readonly failingLogs: () => number;
};

/** Whether this server should get requests, and if not, why. */
export class Readiness {
  readonly #sources: ReadinessSources;
  #isStopping = false;

  constructor(sources: ReadinessSources) {
    this.#sources = sources;
  }

  /** From now on reports that requests should go elsewhere. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Resolves if requests can be served; rejects with `NOT_READY` and the reasons otherwise. */
  async check(): Promise<void> {
    const { store, overload, failingLogs } = this.#sources;
    if (this.#isStopping) throw notReady('The server is stopping.', ['stopping']);
    if (overload.reasons.length > 0) throw notReady(overload.description, overload.reasons);
    await inTime(store.check()).catch((cause: unknown) => {
      throw notReady('The store does not respond.', ['store'], cause);
    });
    if (failingLogs() > 0) throw notReady('The store cannot be read for some subscriptions.', ['store']);
  }

  /** Full if an append was refused, nothing was freed and no append succeeded since. */
  async storeState(): Promise<StoreState> {
    const { refusal } = this.#sources.appends;
    if (refusal === undefined) return 'ok';
    if (refusal.bytes === undefined) return performance.now() - refusal.atMs < unseenFullMs ? 'full' : 'ok';
    const usage = await this.storeUsage();
    return usage === undefined || usage.bytes >= refusal.bytes ? 'full' : 'ok';
  }

  /** Sizes of the store; undefined: it did not answer. */
  async storeUsage(): Promise<StoreUsage | undefined> {
    return inTime(this.#sources.store.usage()).catch(() => undefined);
  }
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`the store did not answer within ${answerMs / 1_000} s`)), answerMs);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

function notReady(message: string, reasons: readonly string[], cause?: unknown): PokewireError {
  return new PokewireError('NOT_READY', message, { details: { reasons }, cause });
}
