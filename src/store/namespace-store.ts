import type { StoreFull } from './log.ts';
import type { LogId } from './log-id.ts';
import type { RetentionLimits, RetentionOutcome, RetentionRule } from './retention.ts';

/** The scopes of tokens; each includes the ones before it. */
export const scopes = ['read', 'write', 'admin'] as const;

export type Scope = (typeof scopes)[number];

/** A token as stored, without its text. */
export type TokenRecord = {
  /** Identifies it for revocation. */
  readonly id: string;
  readonly label: string;
  /** Hexadecimal SHA-256 of the token. */
  readonly hash: string;
  readonly scope: Scope;
  /** Milliseconds since 1970-01-01. */
  readonly createdAtMs: number;
  /** Milliseconds since 1970-01-01; undefined: never. */
  readonly expiresAtMs: number | undefined;
};

/** A tenant, with its own log. */
export type Namespace = {
  readonly id: string;
  /** Unique per creation, also among namespaces with the same id. */
  readonly uid: string;
  /** Current log. An import may replace it. */
  readonly log: LogId;
  readonly description: string;
  /** Milliseconds since 1970-01-01. */
  readonly createdAtMs: number;
  readonly tokens: readonly TokenRecord[];
  /** Retention rules: at most one for each category and one for the whole log. */
  readonly retention: readonly RetentionRule[];
};

/** A namespace to create; the store assigns its log. */
export type NewNamespace = Omit<Namespace, 'log' | 'retention'>;

/**
 * Stores namespaces and the hashes of their tokens. Checked by `test/contract/`, like the logs. Each change succeeds
 * only if nothing else changed in the meantime, so that nodes can share a store.
 */
export interface NamespaceStore {
  /**
   * Adds a namespace with an empty log. Checks, in this order: the id, the number of namespaces, room. If namespaces
   * with this id were removed, the log starts after all their positions plus one unused one: a cursor at the end of an
   * old log is then still before the new log, which reports everything before its start as forgotten.
   */
  create(namespace: NewNamespace): Promise<CreateOutcome>;

  find(id: string): Promise<Namespace | undefined>;

  /** Namespaces whose id comes after `after` in byte order; `limit` is bounded like a log's. */
  list(after: string | undefined, limit: number): Promise<Namespace[]>;

  /**
   * Replaces the tokens of a namespace. Returns false if it was deleted or recreated, or its tokens have changed since
   * it was read. Tokens are equal if their ids are. Their bytes are counted but never refused: a token must be
   * replaceable in a full store, and callers limit their number.
   */
  setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean>;

  /** Sets the retention of a category or of the whole log; without limits removes the rule. */
  setRetention(
    namespace: Namespace,
    category: string | undefined,
    limits: RetentionLimits | undefined,
  ): Promise<RetentionOutcome>;

  /** Removes a namespace with all its messages and returns their number; undefined if it was deleted or recreated. */
  remove(namespace: Namespace): Promise<number | undefined>;

  /**
   * Ids of namespaces that were created or removed, or whose tokens, rules or log changed since a revision; undefined:
   * since now. A single cheap query, which each node sends once a second.
   */
  changesSince(revision: number | undefined): Promise<NamespaceChanges>;

  /** Hints that {@link NamespaceStore.changesSince} has news, until the returned function is called. Hints may be lost. */
  follow(changed: () => void): () => void;
}

/** Outcome of creating a namespace. */
export type CreateOutcome =
  | { readonly outcome: 'created'; readonly namespace: Namespace }
  /** The id already exists. */
  | { readonly outcome: 'exists' }
  /** The store has reached its limit of namespaces. */
  | { readonly outcome: 'too-many'; readonly maxNamespaces: number }
  | StoreFull;

/** Changes since a revision. */
export type NamespaceChanges = {
  /** Revision for the next call. */
  readonly revision: number;
  /** `all`: the revision is too old or of another store, so everything may have changed. */
  readonly ids: readonly string[] | 'all';
};
