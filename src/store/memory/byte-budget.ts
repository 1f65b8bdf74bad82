import type { StoreFull } from '../log.ts';
import type { NewNamespace, TokenRecord } from '../namespace-store.ts';
import type { StoreLimits } from '../store.ts';
import type { MemoryLog } from './memory-log.ts';
import { rowBytes } from './message-table.ts';
import { type RowText, textBytes } from './message-texts.ts';

/** Bytes a stream costs beside its messages: its name (twice a UTF-16 unit) and entries in the indexes. */
const streamBytes = 512;

/** Bytes a namespace costs beside its texts, its tokens and its messages: its record and an empty log. */
const namespaceBytes = 4_096;

/** Bytes a token costs beside its label. */
const tokenBytes = 512;

/** What one namespace holds: its record, its log, and the replacements of it that are under way. */
export type Account = { bytes: number };

/** What a store holds, against its limit and the shares of its namespaces. */
export class ByteBudget {
  /** 0: no limit. */
  readonly maxBytes: number;
  /** 0: no share. */
  readonly #maxBytesPerNamespace: number;
  /** Of all namespaces. */
  bytes = 0;

  constructor({ maxBytes, maxBytesPerNamespace }: Omit<StoreLimits, 'maxNamespaces'>) {
    this.maxBytes = maxBytes;
    this.#maxBytesPerNamespace = maxBytesPerNamespace;
  }

  /** Counts messages and new streams to the log; if they would go past a limit, the outcome that says so. */
  take(log: MemoryLog, messages: readonly RowText[], newStreams: Iterable<string>): StoreFull | undefined {
    let bytes = 0;
    for (const message of messages) bytes += textBytes(message) + rowBytes;
    for (const stream of newStreams) bytes += streamBytes + stream.length * 2;
    const full = this.#full(log.account, bytes);
    if (full !== undefined) return full;
    log.bytes += bytes;
    this.#count(log.account, bytes);
    return undefined;
  }

  /** Takes back what the log holds, which is forgotten. */
  release(log: MemoryLog): void {
    this.#count(log.account, -log.bytes);
    log.bytes = 0;
  }

  /** Opens the account of a new namespace; if there is no room for it, the outcome that says so. */
  open(namespace: NewNamespace): Account | StoreFull {
    const account: Account = { bytes: 0 };
    const bytes = recordBytes(namespace);
    const full = this.#full(account, bytes);
    if (full !== undefined) return full;
    this.#count(account, bytes);
    return account;
  }

  /** Counts other tokens in place of those that the namespace has. */
  replaceTokens(account: Account, old: readonly TokenRecord[], tokens: readonly TokenRecord[]): void {
    this.#count(account, tokensBytes(tokens) - tokensBytes(old));
  }

  /** Takes back what a removed namespace's record holds; its logs are released each by itself. */
  close(account: Account, namespace: NewNamespace): void {
    this.#count(account, -recordBytes(namespace));
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
}

function recordBytes({ id, description, tokens }: NewNamespace): number {
  return namespaceBytes + (id.length + description.length) * 2 + tokensBytes(tokens);
}

function tokensBytes(tokens: readonly TokenRecord[]): number {
  let bytes = 0;
  for (const { label } of tokens) bytes += tokenBytes + label.length * 2;
  return bytes;
}
