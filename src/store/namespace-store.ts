import type { StoreFull } from './log.ts';
import type { LogId } from './log-id.ts';
import type { RetentionLimits, RetentionOutcome, RetentionRule } from './retention.ts';

/** What a token lets its holder do; each includes the ones before it. */
export const scopes = ['read', 'write', 'admin'] as const;

export type Scope = (typeof scopes)[number];

/** A token as it is kept: never its text. */
export type TokenRecord = {
  /** Names it for revocation. */
  readonly id: string;
  readonly label: string;
  /** Hexadecimal SHA-256 of the token. */
  readonly hash: string;
  readonly scope: Scope;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAtMs: number | undefined;
};

/** A tenant: its messages are a log of its own. */
export type Namespace = {
  readonly id: string;
  /** Another one for each namespace that is created, also of the same id. */
  readonly uid: string;
  /** Its log; another one once an import has replaced it. */
  readonly log: LogId;
  readonly description: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly tokens: readonly TokenRecord[];
  /** What is kept of its log, at most one rule for each category and for the whole. */
  readonly retention: readonly RetentionRule[];
};

/** A namespace that is to be created; the store makes its log. */
export type NewNamespace = Omit<Namespace, 'log' | 'retention'>;

/**
 * Where namespaces and the hashes of their tokens live. Checked by `test/contract/`, like the logs. Each change is one
 * step that holds only if nothing else changed meanwhile, so that several nodes may share a store.
 */
export interface NamespaceStore {
  /**
   * Adds a namespace with an empty log. Checked in this order: its id, the number of namespaces, room. Where earlier namespaces of the id were removed, the
   * log begins behind every position of theirs, with one left free: a cursor at the very end of an old log still lies
   * before all of the new one, which calls what lies before it forgotten.
   */
  create(namespace: NewNamespace): Promise<CreateOutcome>;

  find(id: string): Promise<Namespace | undefined>;

  /** Namespaces whose id stands behind `after` in byte order, in that order; `limit` is bounded as those of a log are. */
  list(after: string | undefined, limit: number): Promise<Namespace[]>;

  /**
   * Replaces the tokens of the namespace as it was found; false: it does not exist, is another one, or its tokens have
   * changed. Tokens are equal if their ids are. Their bytes are counted, but never refused:
   * a token must be replaceable in a full store, and callers bound their number.
   */
  setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean>;

  /** Sets what is kept of a category, or of the whole log; without limits the rule is taken away. */
  setRetention(
    namespace: Namespace,
    category: string | undefined,
    limits: RetentionLimits | undefined,
  ): Promise<RetentionOutcome>;

  /** Removes a namespace with all its messages and says how many they were; undefined: it is not there, or another one. */
  remove(namespace: Namespace): Promise<number | undefined>;

  /**
   * Which namespaces were created, removed, or had their tokens, rules or log replaced since a revision; undefined: since now.
   * One cheap query for all of them, asked once a second by each node.
   */
  changesSince(revision: number | undefined): Promise<NamespaceChanges>;

  /** Hints that {@link NamespaceStore.changesSince} has news, until the returned function is called. Hints may be lost. */
  follow(changed: () => void): () => void;
}

/** Outcome of creating a namespace. */
export type CreateOutcome =
  | { readonly outcome: 'created'; readonly namespace: Namespace }
  /** The id is taken. */
  | { readonly outcome: 'exists' }
  /** The store has as many namespaces as it may have. */
  | { readonly outcome: 'too-many'; readonly maxNamespaces: number }
  | StoreFull;

/** What changed since a revision. */
export type NamespaceChanges = {
  /** Where the next question begins. */
  readonly revision: number;
  /** `all`: the revision lies too far back, or is not one of this store, and everything may have changed. */
  readonly ids: readonly string[] | 'all';
};
