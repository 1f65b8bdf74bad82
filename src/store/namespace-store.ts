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
  /** Names its log in the message store: another one for each namespace that is created, also of the same id. */
  readonly log: string;
  /** Its global positions begin behind this one, which no earlier namespace of the same id reached; 0 for most. */
  readonly behind: number;
  readonly description: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly tokens: readonly TokenRecord[];
};

/**
 * Where namespaces and the hashes of their tokens live. Checked by `test/contract/`, like the message store. Each change is
 * one step that holds only if nothing else changed meanwhile, so that several nodes may share a store.
 */
export interface NamespaceStore {
  /** Adds a namespace; false: its id is taken, or earlier ones of the id reached beyond its `behind` by now. */
  create(namespace: Namespace): Promise<boolean>;

  /**
   * Where a new namespace of this id begins: `behind` of the next one. At least what every removed one of the id reached,
   * perhaps more; 0 when there was none, unless more were removed than the store keeps apart.
   */
  formerHead(id: string): Promise<number>;

  find(id: string): Promise<Namespace | undefined>;

  /** All of them, by id. */
  list(): Promise<Namespace[]>;

  /**
   * Puts other tokens in place of the namespace's, which are those it was found with; false: it does not exist, is another
   * one or has other tokens by now. Tokens with the same ids are the same tokens.
   */
  setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean>;

  /** Takes a namespace away and keeps the head of its log for {@link formerHead}; false: it is not there, or another one. */
  remove(namespace: Namespace, head: number): Promise<boolean>;
}
