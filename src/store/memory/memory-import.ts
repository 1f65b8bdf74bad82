import type { Message } from '../../message/message.ts';
import type { CommitOutcome, ImportOutcome, ImportSession } from '../log.ts';
import type { Namespace } from '../namespace-store.ts';
import { type Repeats, repeatsOf } from '../shared/import-batch.ts';
import { importTargetOf } from './import-target.ts';
import type { MemoryLog } from './memory-log.ts';
import type { MemoryStorage } from './memory-storage.ts';

type Add = (messages: readonly Message[], repeats: Repeats) => ImportOutcome;

/** An import into an existing log. Each batch is visible once it was added. */
export class MemoryImport implements ImportSession {
  readonly #log: MemoryLog | undefined;
  readonly #add: Add;

  constructor(log: MemoryLog | undefined, add: Add) {
    this.#log = log;
    this.#add = add;
  }

  async add(messages: readonly Message[]): Promise<ImportOutcome> {
    return this.#log === undefined
      ? { outcome: 'gone' }
      : this.#add(messages, await repeatsOf(importTargetOf(this.#log), messages));
  }

  async commit(): Promise<CommitOutcome> {
    return { outcome: this.#log === undefined || this.#log.isGone ? 'gone' : 'committed' };
  }

  async abort(): Promise<void> {}
}

/** An import into a new log, which replaces the namespace's log at the commit. */
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
    const staged = this.#staged;
    if (staged === undefined) return { outcome: 'gone' };
    const repeats = await repeatsOf(importTargetOf(staged), messages);
    // A long import thereby detects early that its namespace was deleted.
    if (!this.#storage.namespaces.has(this.#namespace)) return { outcome: 'gone' };
    return this.#storage.insert(staged, messages, repeats);
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
