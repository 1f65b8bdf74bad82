import type { Message } from '../../message/message.ts';
import type { CommitOutcome, ImportOutcome, ImportSession } from '../log.ts';
import type { Namespace } from '../namespace-store.ts';
import type { MemoryLog } from './memory-log.ts';
import type { MemoryStorage } from './memory-storage.ts';

/** An import into a log: each batch is there once it was added, by the given function. */
export class MemoryImport implements ImportSession {
  readonly #log: MemoryLog | undefined;
  readonly #add: (messages: readonly Message[]) => ImportOutcome;

  constructor(log: MemoryLog | undefined, add: (messages: readonly Message[]) => ImportOutcome) {
    this.#log = log;
    this.#add = add;
  }

  async add(messages: readonly Message[]): Promise<ImportOutcome> {
    return this.#add(messages);
  }

  async commit(): Promise<CommitOutcome> {
    return { outcome: this.#log === undefined || this.#log.isGone ? 'gone' : 'committed' };
  }

  async abort(): Promise<void> {}
}

/** An import into a new log, which takes the place of a namespace's at the commit. */
export class MemoryReplacement implements ImportSession {
  readonly #storage: MemoryStorage;
  readonly #namespace: Namespace;
  #staged: MemoryLog | undefined;

  constructor(storage: MemoryStorage, namespace: Namespace) {
    this.#storage = storage;
    this.#namespace = namespace;
    this.#staged = storage.namespaces.stageLog(namespace);
  }

  async add(messages: readonly Message[]): Promise<ImportOutcome> {
    // A long import learns at once that its namespace was deleted.
    if (!this.#storage.namespaces.has(this.#namespace)) return { outcome: 'gone' };
    return this.#staged === undefined ? { outcome: 'gone' } : this.#storage.insert(this.#staged, messages);
  }

  async commit(): Promise<CommitOutcome> {
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged === undefined) return { outcome: 'gone' };
    if (this.#storage.namespaces.replaceLog(this.#namespace, staged)) return { outcome: 'committed' };
    this.#storage.discard(staged);
    return { outcome: 'gone' };
  }

  async abort(): Promise<void> {
    if (this.#staged !== undefined) this.#storage.discard(this.#staged);
    this.#staged = undefined;
  }
}
