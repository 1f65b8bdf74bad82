import type { Message } from '../../message/message.ts';
import type { CommitOutcome, ImportOutcome, ImportSession } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { SqliteParts } from './sqlite-log.ts';
import type { NamespaceName } from './write-namespaces.ts';
import type { WriterMethods } from './writer.ts';

/** An import into an existing log. Each batch is visible once it was added. */
export class SqliteImport implements ImportSession {
  readonly #parts: SqliteParts;
  readonly #log: LogId;

  constructor(parts: SqliteParts, log: LogId) {
    this.#parts = parts;
    this.#log = log;
  }

  add(messages: readonly Message[]): Promise<ImportOutcome> {
    const { writer, announcer } = this.#parts;
    const heard = ({ outcome }: ImportOutcome) => {
      if (outcome === 'imported') announcer.wake(this.#log);
    };
    const args: Parameters<WriterMethods['importInto']> = [this.#log, messages];
    return writer.ask<WriterMethods['importInto']>('importInto', args, heard, charactersOf(messages));
  }

  async commit(): Promise<CommitOutcome> {
    const isThere = await this.#parts.writer.ask<WriterMethods['isThere']>('isThere', [this.#log]);
    return { outcome: isThere ? 'committed' : 'gone' };
  }

  async abort(): Promise<void> {}
}

/** Called with the outcome of a replacement. */
export type Replaced = (replaced: Awaited<ReturnType<WriterMethods['replace']>>) => void;

/** An import into a staged log, which replaces the namespace's log at the commit. */
export class SqliteReplacement implements ImportSession {
  readonly #parts: SqliteParts;
  readonly #namespace: NamespaceName;
  readonly #replaced: Replaced;
  #staged: LogId | undefined;

  /** `staged`: undefined if the namespace does not exist. */
  constructor(parts: SqliteParts, namespace: NamespaceName, staged: LogId | undefined, replaced: Replaced) {
    this.#parts = parts;
    this.#namespace = namespace;
    this.#staged = staged;
    this.#replaced = replaced;
  }

  async add(messages: readonly Message[]): Promise<ImportOutcome> {
    if (this.#staged === undefined) return { outcome: 'gone' };
    const args: Parameters<WriterMethods['importInto']> = [this.#staged, messages];
    return this.#parts.writer.ask<WriterMethods['importInto']>('importInto', args, undefined, charactersOf(messages));
  }

  async commit(): Promise<CommitOutcome> {
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged === undefined) return { outcome: 'gone' };
    const replaced = await this.#parts.writer.ask<WriterMethods['replace']>(
      'replace',
      [this.#namespace, staged],
      this.#replaced,
    );
    return { outcome: replaced === undefined ? 'gone' : 'committed' };
  }

  async abort(): Promise<void> {
    const staged = this.#staged;
    this.#staged = undefined;
    if (staged !== undefined) {
      await this.#parts.writer.ask<WriterMethods['discardStaged']>('discardStaged', [staged]);
    }
  }
}

function charactersOf(messages: readonly Message[]): number {
  let characters = 0;
  for (const { stream, id, type, data, metadata } of messages) {
    characters += stream.length + id.length + type.length + data.length + (metadata?.length ?? 0);
  }
  return characters;
}
