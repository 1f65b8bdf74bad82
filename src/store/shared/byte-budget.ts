import type { StoreFull } from '../log.ts';
import type { Namespace, NewNamespace, TokenRecord } from '../namespace-store.ts';
import type { RetentionRule } from '../retention.ts';
import type { StoreLimits } from '../store.ts';
import { type RowText, textBytes } from './row-text.ts';

/** What things cost in an engine beside their texts, measured for each: bytes. */
export type ByteCosts = {
  /** A message: its row, and its entries in the indexes. */
  readonly message: number;
  /** A stream: its row, and entries in the indexes. */
  readonly stream: number;
  /** A namespace: its record and an empty log. */
  readonly namespace: number;
  /** A token, or a rule of retention. */
  readonly token: number;
  /** Bytes of a UTF-16 unit of a name or a label. */
  readonly unit: number;
};

/** What one namespace holds: its record, its log, and the replacements of it that are under way. */
export type Account = {
  bytes: number;
  /** Whether its log has a rule for all of it, so that its oldest messages go where there is no room. */
  forgetsWhenFull: boolean;
};

/** A log as the budget counts it. */
export type CountedLog = { readonly account: Account; bytes: number };

/** What a store holds, against its limit and the shares of its namespaces. */
export class ByteBudget {
  /** 0: no limit. */
  readonly maxBytes: number;
  /** 0: no share. */
  readonly #maxBytesPerNamespace: number;
  readonly #costs: ByteCosts;
  /** Of all namespaces. */
  bytes = 0;
  /** What was forgotten since the store was opened. */
  readonly forgotten = { messages: 0, bytes: 0 };

  constructor(
    { maxBytes, maxBytesPerNamespace }: Pick<StoreLimits, 'maxBytes' | 'maxBytesPerNamespace'>,
    costs: ByteCosts,
  ) {
    this.#costs = costs;
    this.maxBytes = maxBytes;
    this.#maxBytesPerNamespace = maxBytesPerNamespace;
  }

  /**
   * Counts messages and new streams to the log, and what else they take in the engine; if they would go past a limit, the
   * outcome that says so.
   */
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

  /** What these messages count, without streams. */
  messageBytes(messages: readonly RowText[]): number {
    let bytes = 0;
    for (const message of messages) bytes += textBytes(message) + this.#costs.message;
    return bytes;
  }

  /** Takes back messages of the log. */
  give(log: CountedLog, bytes: number): void {
    log.bytes -= bytes;
    this.#count(log.account, -bytes);
  }

  /** Takes back messages that were forgotten. */
  forget(log: CountedLog, messages: number, bytes: number): void {
    this.forgotten.messages += messages;
    this.forgotten.bytes += bytes;
    this.give(log, bytes);
  }

  /** Takes back all that the log holds. */
  release(log: CountedLog): void {
    this.#count(log.account, -log.bytes);
    log.bytes = 0;
  }

  /** Opens the account of a new namespace; if there is no room for it, the outcome that says so. */
  open(namespace: NewNamespace): Account | StoreFull {
    const account: Account = { bytes: 0, forgetsWhenFull: false };
    const bytes = this.#record(namespace);
    const full = this.#full(account, bytes);
    if (full !== undefined) return full;
    this.#count(account, bytes);
    return account;
  }

  /** Opens the account of a namespace that is there already, whatever the limits are by now. */
  reopen(namespace: Namespace): Account {
    const account: Account = { bytes: 0, forgetsWhenFull: false };
    this.#count(account, this.#record(namespace) + this.#rules(namespace.retention));
    return account;
  }

  /** Counts what a log holds already. */
  recount(log: CountedLog): void {
    this.#count(log.account, log.bytes);
  }

  /** Counts other rules in place of those that the namespace has. */
  replaceRules(account: Account, old: readonly RetentionRule[], rules: readonly RetentionRule[]): void {
    this.#count(account, this.#rules(rules) - this.#rules(old));
  }

  /** Counts other tokens in place of those that the namespace has. */
  replaceTokens(account: Account, old: readonly TokenRecord[], tokens: readonly TokenRecord[]): void {
    this.#count(account, this.#tokens(tokens) - this.#tokens(old));
  }

  /** Takes back what a removed namespace's record holds; its logs are released each by itself. */
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
