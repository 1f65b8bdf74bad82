import { PokewireError } from '../errors.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { AppendStats } from './append.ts';
import type { OverloadWatch } from './overload.ts';

/** Whether messages can be appended. Reads and subscriptions go on in a full store. */
export type StoreState = 'ok' | 'full';

export type ReadinessSources = {
  readonly store: MessageStore;
  readonly appends: AppendStats;
  readonly overload: OverloadWatch;
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
    const { store, overload } = this.#sources;
    if (this.#isStopping) throw notReady('The server is stopping.', ['stopping']);
    if (overload.reasons.length > 0) throw notReady(overload.description, overload.reasons);
    await store.check().catch((cause: unknown) => {
      throw notReady('The store does not answer.', ['store'], cause);
    });
  }

  /** Whether an append found no room, and none has become free nor another append succeeded since. */
  async storeState(): Promise<StoreState> {
    const { store, appends } = this.#sources;
    if (appends.fullAtBytes === undefined) return 'ok';
    return (await store.usage()).bytes >= appends.fullAtBytes ? 'full' : 'ok';
  }
}

function notReady(message: string, reasons: readonly string[], cause?: unknown): PokewireError {
  return new PokewireError('NOT_READY', message, { details: { reasons }, cause });
}
