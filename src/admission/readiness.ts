import { PokewireError } from '../errors.ts';
import type { Store, StoreUsage } from '../store/store.ts';
import type { AppendStats } from './append-stats.ts';
import type { OverloadWatch } from './overload.ts';

/**
 * A store that takes longer is said not to answer. Who probes or scrapes mostly gives up after 5 or 10 seconds, and would
 * then know nothing at all.
 */
const answerMs = 2_000;

/** A store that does not see how much room there is is said to be full for so long after it refused an append. */
const unseenFullMs = 30_000;

/** Whether messages can be appended. Reads and subscriptions go on in a full store. */
export type StoreState = 'ok' | 'full';

/** What readiness is judged by. */
export type ReadinessSources = {
  readonly store: Store;
  readonly appends: AppendStats;
  readonly overload: OverloadWatch;
  /** Logs that cannot be read for their subscriptions now. */
  readonly failingLogs: () => number;
};

/** Whether requests are to come here, and why not. */
export class Readiness {
  readonly #sources: ReadinessSources;
  #isStopping = false;

  constructor(sources: ReadinessSources) {
    this.#sources = sources;
  }

  /** From now on requests are to go elsewhere. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Resolves when requests can be served; rejects with `NOT_READY` and the reasons otherwise. */
  async check(): Promise<void> {
    const { store, overload, failingLogs } = this.#sources;
    if (this.#isStopping) throw notReady('The server is stopping.', ['stopping']);
    if (overload.reasons.length > 0) throw notReady(overload.description, overload.reasons);
    await inTime(store.check()).catch((cause: unknown) => {
      throw notReady('The store does not respond.', ['store'], cause);
    });
    if (failingLogs() > 0) throw notReady('The store cannot be read for some subscriptions.', ['store']);
  }

  /** Whether an append found no room, and none has become free nor another append succeeded since. */
  async storeState(): Promise<StoreState> {
    const { refusal } = this.#sources.appends;
    if (refusal === undefined) return 'ok';
    if (refusal.bytes === undefined) return performance.now() - refusal.atMs < unseenFullMs ? 'full' : 'ok';
    const usage = await this.storeUsage();
    return usage === undefined || usage.bytes >= refusal.bytes ? 'full' : 'ok';
  }

  /** Sizes of the store; undefined: it did not tell. */
  async storeUsage(): Promise<StoreUsage | undefined> {
    return inTime(this.#sources.store.usage()).catch(() => undefined);
  }
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${answerMs} ms`)), answerMs);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

function notReady(message: string, reasons: readonly string[], cause?: unknown): PokewireError {
  return new PokewireError('NOT_READY', message, { details: { reasons }, cause });
}
