import type { StoreFull } from '../log.ts';
import type { Namespace, NewNamespace, TokenRecord } from '../namespace-store.ts';
import type { RetentionRule } from '../retention.ts';
import type { StoreLimits } from '../store.ts';
import { type RowText, textBytes } from './row-text.ts';

/** Measured cost in bytes of each kind of thing in an engine, without its texts. */
export type ByteCosts = {
  /** A message: its row and index entries. */
  readonly message: number;
  /** A stream: its row and index entries. */
  readonly stream: number;
  /** A namespace: its record and an empty log. */
  readonly namespace: number;
  /** A token or a retention rule. */
  readonly token: number;
  /** One UTF-16 unit of a name or label. */
  readonly unit: number;
};

/** The parts of one namespace: its record, its log, and replacements in progress. */
export type Account = {
  bytes: number;
  /** Whether a rule covers its whole log, so that a full log deletes its oldest messages. */
  forgetsWhenFull: boolean;
};

/** The part of a log that the budget uses. */
export type CountedLog = { readonly account: Account; bytes: number };

/** The size of a store, measured against its limit and its namespaces' shares. */
export class ByteBudget {
  /** 0: no limit. */
  readonly maxBytes: number;
  /** 0: no limit. */
  readonly #maxBytesPerNamespace: number;
  readonly #costs: ByteCosts;
  /** Total of all namespaces. */
  bytes = 0;
  /** Total deleted by retention since the store was opened. */
  readonly forgotten = { messages: 0, bytes: 0 };

  constructor(
    { maxBytes, maxBytesPerNamespace }: Pick<StoreLimits, 'maxBytes' | 'maxBytesPerNamespace'>,
    costs: ByteCosts,
  ) {
    this.#costs = costs;
    this.maxBytes = maxBytes;
    this.#maxBytesPerNamespace = maxBytesPerNamespace;
  }

  /** Counts messages and new streams, plus extra bytes, to the log; returns the limit that was reached if they do not fit. */
  take(
    log: CountedLog,
    messages: readonly RowText[],
    newStreams: Iterable<string>,
    otherBytes = 0,
  ): StoreFull | undefined {
    let bytes = otherBytes + this.messageBytes(messages);
    for (const stream of newStreams) bytes += this.#costs.stream + stream.length * this.#costs.unit;
    const full = this.#full(log.account, bytes);
    if (full !== undefined) return full;
    log.bytes += bytes;
    this.#count(log.account, bytes);
    return undefined;
  }

  /** Bytes counted for these messages, without streams. */
  messageBytes(messages: readonly RowText[]): number {
    let bytes = 0;
    for (const message of messages) bytes += textBytes(message) + this.#costs.message;
    return bytes;
  }

  /** Subtracts messages of the log. */
  give(log: CountedLog, bytes: number): void {
    log.bytes -= bytes;
    this.#count(log.account, -bytes);
  }

  /** Subtracts messages deleted by retention. */
  forget(log: CountedLog, messages: number, bytes: number): void {
    this.forgotten.messages += messages;
    this.forgotten.bytes += bytes;
    this.give(log, bytes);
  }

  /** Subtracts the whole log. */
  release(log: CountedLog): void {
    this.#count(log.account, -log.bytes);
    log.bytes = 0;
  }

  /** Opens an account for a new namespace, or returns the limit that was reached. */
  open(namespace: NewNamespace): Account | StoreFull {
    const account: Account = { bytes: 0, forgetsWhenFull: false };
    const bytes = this.#record(namespace);
    const full = this.#full(account, bytes);
    if (full !== undefined) return full;
    this.#count(account, bytes);
    return account;
  }

  /** Opens an account for an existing namespace, regardless of the limits. */
  reopen(namespace: Namespace): Account {
    const account: Account = { bytes: 0, forgetsWhenFull: false };
    this.#count(account, this.#record(namespace) + this.#rules(namespace.retention));
    return account;
  }

  /** Counts the existing content of a log. */
  recount(log: CountedLog): void {
    this.#count(log.account, log.bytes);
  }

  /** Replaces the rules counted for the namespace. */
  replaceRules(account: Account, old: readonly RetentionRule[], rules: readonly RetentionRule[]): void {
    this.#count(account, this.#rules(rules) - this.#rules(old));
  }

  /** Replaces the tokens counted for the namespace. */
  replaceTokens(account: Account, old: readonly TokenRecord[], tokens: readonly TokenRecord[]): void {
    this.#count(account, this.#tokens(tokens) - this.#tokens(old));
  }

  /** Subtracts the record of a removed namespace. Its logs are released separately. */
  close(account: Account, namespace: Namespace): void {
    this.#count(account, -this.#record(namespace) - this.#rules(namespace.retention));
  }

  #full(account: Account, bytes: number): StoreFull | undefined {
    const { maxBytes } = this;
    const share = this.#maxBytesPerNamespace;
    if (share > 0 && account.bytes + bytes > share) {
      return { outcome: 'full', limit: 'namespace', bytes: account.bytes, maxBytes: share };
    }
    if (maxBytes > 0 && this.bytes + bytes > maxBytes) {
      return { outcome: 'full', limit: 'store', bytes: this.bytes, maxBytes };
    }
    return undefined;
  }

  #count(account: Account, bytes: number): void {
    account.bytes += bytes;
    this.bytes += bytes;
  }

  #record({ id, description, tokens }: NewNamespace): number {
    return this.#costs.namespace + (id.length + description.length) * this.#costs.unit + this.#tokens(tokens);
  }

  #rules(rules: readonly RetentionRule[]): number {
    let bytes = 0;
    for (const { category = '' } of rules) bytes += this.#costs.token + category.length * this.#costs.unit;
    return bytes;
  }

  #tokens(tokens: readonly TokenRecord[]): number {
    let bytes = 0;
    for (const { label } of tokens) bytes += this.#costs.token + label.length * this.#costs.unit;
    return bytes;
  }
}
