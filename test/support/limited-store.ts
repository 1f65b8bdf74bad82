import { PokewireError } from '../../src/errors.ts';
import { requireSupport, type StoreCapabilities, type Support } from '../../src/store/capabilities.ts';
import type { ImportSession, Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { NamespaceStore } from '../../src/store/namespace-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import type { Forgotten } from '../../src/store/retention.ts';

const capabilities: StoreCapabilities = {
  namespaces: 'one',
  tokens: 'process',
  appends: true,
  largestAppend: 1_000,
  imports: false,
  replacements: false,
  durable: false,
  backups: false,
  verbatim: false,
  byteLimit: false,
  retention: false,
  erasure: false,
  listOrder: 'store',
  counts: 'estimated',
};

/** Supports as little as an engine may, to test the suite's skipped and relaxed cases. */
export class LimitedStore extends MemoryStore {
  override readonly capabilities: StoreCapabilities;
  override readonly namespaces: NamespaceStore;

  constructor(storage: MemoryStorage, pokes: StoreOptions['pokes'], appends = true) {
    const store = new MemoryStore(storage, pokes);
    super(storage, pokes);
    this.capabilities = { ...capabilities, appends };
    this.namespaces = {
      ...store.namespaces,
      create: () => this.#refuse('namespaces'),
      remove: () => this.#refuse('namespaces'),
      setRetention: () => this.#refuse('retention'),
    };
  }

  /** Opens one with the namespace `default`; `appends`: whether it accepts any. */
  static async open({ pokes }: StoreOptions, appends = true): Promise<LimitedStore> {
    const storage = new MemoryStorage();
    const spec = { id: 'default', uid: 'default', description: '', createdAtMs: 0, tokens: [] };
    await storage.namespaces.create(spec);
    return new LimitedStore(storage, pokes, appends);
  }

  override log(id: LogId): Log {
    const log = super.log(id);
    const append = log.append.bind(log);
    return Object.assign(log, {
      append: async (...args: Parameters<Log['append']>) => {
        if (args[1].length <= capabilities.largestAppend) return append(...args);
        throw new PokewireError('BODY_TOO_LARGE', `The limited store appends ${capabilities.largestAppend} at once.`);
      },
      beginImport: () => this.#refuse('imports'),
      kept: () => this.#refuse('retention'),
      erase: () => this.#refuse('erasure'),
    });
  }

  override beginReplacement(): Promise<ImportSession> {
    return this.#refuse('replacements');
  }

  override forget(): Promise<Forgotten> {
    return this.#refuse('retention');
  }

  async #refuse(support: Support): Promise<never> {
    requireSupport({ kind: 'limited', capabilities }, support);
    throw new Error(`the capabilities include ${support}`);
  }
}
